"""From the shell to trained networks: the whole of it, on real images, in a minute."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Desk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy host takes several times as long

FINISHED = {"COMPLETE", "PRUNED"}


def finished(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [t for t in trials if t["state"] in FINISHED]


@pytest.mark.chaos
def test_a_search_killed_halfway_goes_on_and_loses_nothing(desk: Desk):
    words = ("--budget", "2M-MACs", "--trials", "4")
    process = desk.start("search", "--recipe", "quick.yaml", *words)
    desk.wait_until(lambda trials: bool(finished(trials)), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = desk.trials()
    kept = {t["number"]: t for t in finished(before)}

    ended = desk.search(*words)
    assert ended.status == 0, ended.err
    after = desk.trials()
    assert {t["number"]: t for t in after if t["number"] in kept} == kept
    assert len(finished(after)) == 4
    assert not [t for t in after if t["state"] == "RUNNING"]
    assert all(sorted(t["curve"]) in ([1], [1, 2]) for t in finished(after))
    prints = [t["attributes"]["fingerprint"] for t in finished(after)]
    assert len(set(prints)) == len(prints)


def test_hours_end_a_search_by_time(desk: Desk):
    ended = desk.search("--budget", "2M-MACs", "--trials", "400", "--hours", "0.0025")
    assert ended.status == 0, ended.err
    assert len(finished(desk.trials())) < 400


@pytest.mark.long
def test_a_search_in_postgresql_ends_and_goes_on(desk: Desk, postgresql: str):
    words = ("--budget", "2M-MACs", "--storage", f"{postgresql}postgres", "--study", "shared")
    for trials in ("1", "2"):
        ended = desk.search(*words, "--trials", trials, "--json")
        assert ended.status == 0, ended.err
        told = json.loads(ended.out)
        assert told["trained"] == int(trials)
        assert "secret" not in ended.out + ended.err
    assert not desk.trials()
    assert "secret" not in (desk.folder / "nas-runs" / "shared" / "search.log").read_text()


def test_trainings_that_fail_are_recorded_with_their_reason_and_bounded(desk: Desk):
    (desk.folder / "wild.yaml").write_text(
        "epochs: 2\nlearning_rate: 1.0e30\nbatch_size: 128\nwarmup_epochs: 0\n"
    )
    ended = desk.nas("search", "--budget", "2M-MACs", "--trials", "8", "--recipe", "wild.yaml")
    assert ended.status == 2, ended.err
    # Two train at a time, so the fourth may fail while the third is counted.
    assert re.search("[34] trainings failed, the last because of: NonFiniteLossError", ended.err)
    assert "Traceback" not in ended.err
    failed = [t for t in desk.trials() if t["state"] == "FAIL"]
    assert len(failed) >= 3
    assert all("loss became" in t["attributes"]["reason"] for t in failed)
    assert not finished(desk.trials())


@pytest.mark.long
def test_cifar10_is_searched_in_twenty_minutes(desk: Desk):
    data = Path("../shared/data/cifar10").resolve()
    if not data.exists():
        pytest.skip("the CIFAR-10 images are not beside this repository, at ../shared/data/cifar10")
    ended = desk.nas("search", "--data", str(data), "--budget", "20M-MACs", "--trials", "8", "--json")
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert told["trained"] == 8
    assert told["networks"][0]["accuracy"] > 0.3
