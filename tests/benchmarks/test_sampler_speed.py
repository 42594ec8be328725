"""Proposals take as long as their goals say, at most half as long again on a busy machine."""

import re
import subprocess
import sys

import pytest

from tests.benchmarks.filing import RESULTS

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]
_ROW = re.compile(r"^\| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)


def test_a_proposal_takes_less_time_than_it_saves():
    subprocess.run([sys.executable, "-m", "tests.benchmarks.sampler_speed"], check=True)
    rows = _ROW.findall((RESULTS / "sampler_speed.md").read_text(encoding="utf-8"))
    assert len(rows) == 3
    assert [row for row in rows if float(row[2]) > 1.5 * float(row[3])] == []
