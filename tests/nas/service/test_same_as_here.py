"""A search and what follows it print on a server what they print here, and write the same files."""

import json
import os
import re

import pytest

from nas.service.job_table import JobTable
from nas.service.tokens import Tokens
from tests.end_to_end.conftest import LIMIT_S, UNSTOPPED, Desk
from tests.nas.service.test_two_services import started

SEARCH = ("search", "--budget", "5M-MACs", "--recipe", "quick.yaml", "--trials", "2", "--study", "same")
FOLLOWS = (
    ("show", "same"),
    ("show", "same", "--json"),
    ("show", "same#1"),
    ("profile", "--budget", "5M-MACs", "--space", "hybrid_small"),
    ("explain", "same"),
    ("export", "same", "--to", "net"),
    ("measure", "mobilenet_v2_1.0_224", "--on", "cpu"),
    ("retrain", "same", "--recipe", "quick.yaml"),
    ("compare", "same", "--with", "mobilenet_v2_1.0_224", "--recipe", "quick.yaml", "--seeds", "1"),
    ("show", "no_such_study"),
)
MEASURED = re.compile(r"[0-9]+[.,]?[0-9]*")
"""Numbers, where they are of the clock."""


@pytest.fixture
def desks(tmp_path):
    """Return two folders: in one commands run here, in the other on a server."""
    here, there = Desk(tmp_path / "here"), Desk(tmp_path / "there")
    return here, there


def told(ended):
    """Return exit status, output and the lines on standard error."""
    return ended.status, ended.out, ended.err


@pytest.mark.long
@pytest.mark.timeout(12 * LIMIT_S)
def test_commands_print_on_a_server_what_they_print_here(tmp_path):
    pass
