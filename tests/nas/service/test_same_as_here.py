"""A search and what follows it print on a server what they print here, and write the same files."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from nas.service.job_table import JobTable
from nas.service.tokens import Tokens
from tests.end_to_end.conftest import LIMIT_S, UNSTOPPED, Desk
from tests.nas.service.test_two_services import started

SEARCH = ("search", "--budget", "5M-MACs", "--recipe", "quick.yaml", "--trials", "2", "--study", "same")
FOLLOW = [
    ("show", "same"),
    ("show", "same", "--json"),
    ("profile", "--budget", "5M-MACs", "--space", "hybrid_small"),
    ("explain", "same"),
    ("export", "same", "--to", "net"),
    ("measure", "mobilenet_v2_1.0_224"),
    ("retrain", "same", "--recipe", "quick.yaml"),
    ("compare", "mobilenet_v2_1.0_224", "--data", "digits", "--recipe", "quick.yaml", "--seeds", "1"),
    ("show", "no_such_study"),
    ("search", "--budget", "5M-flops"),
]
CLOCK = {"seconds", "ended_s", "last_sign", "ago_s", "cpu"}
PLACES = {"storage", "folder", "recipe"}
UNLIKE = re.compile(r"^(Files|Overhead|State|Log) .*\n", re.MULTILINE)
MEASURED = re.compile(
    r"^(\S+:|  (median|p90|load|waited_s|reference_ms|drift|runs|attempts|between_run_spread) ) .*\n",
    re.MULTILINE,
)

LATENCY = re.compile(r"[0-9.]+ ms( cpu)?|-$", re.MULTILINE)
"""Also one that is left out, since the machine was too busy to time a network."""


def told(text, desk):
    """Return what a command printed, without what was measured by a clock and where things lie."""
    text = text.replace(str(desk.folder), "HERE")
    if text.startswith("{"):
        return json.loads(text, object_hook=_lasting)
    text = UNLIKE.sub("", text).replace("sqlite:///nas.db", "STORE").replace("the service", "STORE")
    text = LATENCY.sub("?", text)
    return re.sub(r" +", " ", text)  # columns are as wide as what was measured


def _lasting(entry):
    return {key: value for key, value in entry.items() if key not in CLOCK | PLACES}


@pytest.mark.long
@pytest.mark.timeout(12 * LIMIT_S)
def test_commands_print_on_a_server_what_they_print_here(tmp_path):
    for name in ("here", "there", "server"):
        (tmp_path / name).mkdir()
    here, there = Desk(tmp_path / "here"), Desk(tmp_path / "there")
    for desk in (here, there):
        (desk.folder / "quick.yaml").write_text(UNSTOPPED)
    url = f"sqlite:///{tmp_path}/server/nas.db"
    with JobTable(url) as table:
        there.environment["NAS_TOKEN"], _ = Tokens(table).create("ann")
    with started(url, tmp_path / "server", "--workers", "1") as (_, address):  # with all cores, as here
        for words in (SEARCH, *FOLLOW):
            one, other = here.nas(*words), there.nas("--server", address, *words)
            assert one.status == other.status, (words, one.err, other.err)
            if words[0] == "measure":
                one, other = (replace(ended, out=MEASURED.sub("", ended.out)) for ended in (one, other))
            assert told(one.out, here) == told(other.out, there), words
            if one.status:
                assert told(one.err, here) == told(other.err, there), words
    assert files_of(here.folder / "net") == files_of(there.folder / "net")


def files_of(folder: Path) -> dict[str, bytes | str | dict[str, bytes]]:
    """Return what is in each file of an export, without the latency and the place of the recipe's file."""
    found: dict[str, bytes | str | dict[str, bytes]] = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".safetensors":
            found[file.name] = {name: w.numpy().tobytes() for name, w in load_file(file).items()}
        elif file.suffix == ".py":
            found[file.name] = re.sub(r"^(Command|Latency): .*$", "", file.read_text(), flags=re.MULTILINE)
        elif file.suffix == ".onnx" or file.name == "architecture.json":
            found[file.name] = file.read_bytes()
    assert {"net.safetensors", "net.py", "net.onnx", "architecture.json"} <= found.keys()
    return found
