"""Two real searches whose trainings are held up at random find the same, also one that was killed."""

import json
import re
import signal
from typing import Any

import pytest

from tests.end_to_end.conftest import Desk

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

SLOWLY = """
import os, random, time

def images():
    from sklearn.datasets import load_digits
    with open("/proc/self/cmdline") as file:
        if "ray::" in file.read():  # a worker: the order in which trainings end differs from run to run
            time.sleep(5 * random.Random(os.urandom(8)).random())
    found = load_digits()
    return (found.images * 15.9).astype("uint8"), found.target
"""
COMMAND = ("--budget", "4M-MACs", "--data", "slowly:images", "--trials", "8", "--study", "s", "--json")


def found(desk: Desk, out: str) -> tuple[Any, ...]:
    networks = json.loads(out)["networks"]
    best = networks[0]["trial"]
    trials = [
        (t["number"], t["attributes"].get("fingerprint"), t["state"], t["curve"]) for t in desk.trials()
    ]
    return best, [t for t in trials if t[2] != "RUNNING"]


def test_the_same_command_gives_the_same_search(tmp_path):
    desks = []
    for name in ("one", "other", "killed"):
        (tmp_path / name).mkdir()
        desks.append(Desk(tmp_path / name))
        (tmp_path / name / "slowly.py").write_text(SLOWLY)
    killed = desks[2]
    process = killed.start("search", "--recipe", "quick.yaml", *COMMAND)
    killed.wait_until(lambda trials: sum(bool(t["curve"]) for t in trials) >= 4, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    told = killed.nas("show", "s").out
    assert re.search(r"interrupted \d+ s ago; the same command goes on", told), told
    ends = [desk.search(*COMMAND) for desk in desks]
    assert [ended.status for ended in ends] == [0, 0, 0], [ended.err for ended in ends]
    first, *others = (found(desk, ended.out) for desk, ended in zip(desks, ends, strict=True))
    assert sum(bool(curve) for *_, curve in first[1]) == 8
    for other in others:
        assert other == first
    log = (tmp_path / "one" / "nas-runs" / "s" / "search.log").read_text()
    assert "8/8" in log
