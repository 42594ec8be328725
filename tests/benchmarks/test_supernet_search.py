"""The parts of the comparison of searches with and without a supernet that need no training."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import search_spaces
from nas.orchestration.plan_start import begun
from nas.orchestration.search_planning import plan_search
from nas.orchestration.search_request import SearchRequest
from nas.resources import slots_here
from nas.storage.optuna_storage import open_storage
from tests.benchmarks.processor_time import ProcessorTime
from tests.benchmarks.supernet_search import SPACE, delivered_within, lines_of, next_trials
from tests.nas.opened import opened
from tests.nas.orchestration.test_posterior_update import train

SPINS = "import time\nwhile time.process_time() < 0.3: pass\n"


def test_processor_time_counts_what_processes_below_processes_took():
    meter = ProcessorTime(os.getpid())
    meter.look()
    waits = f"{SPINS}input()"
    starts = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {waits!r}]).wait()"
    with subprocess.Popen([sys.executable, "-c", starts], stdin=subprocess.PIPE) as below:
        ends, ours = time.monotonic() + 60, time.process_time()
        while (seconds := meter.look()) < time.process_time() + 0.25:
            assert time.monotonic() < ends
            time.sleep(0.05)
        below.communicate(b"\n")
    assert meter.look() >= seconds  # of processes that ended too
    assert seconds >= ours + 0.25


@pytest.mark.parametrize("each", [10.0, 130.0, 999.0])
def test_a_search_goes_on_until_the_core_seconds_are_spent_and_hardly_further(each: float):
    most, steps = 3_000.0, list[dict[str, float]]()
    while not steps or steps[-1]["core_seconds"] < most:
        trials = next_trials(steps, most, 8)
        assert trials > (steps[-1]["trials"] if steps else 0)
        steps.append({"trials": trials, "core_seconds": trials * each})
    assert len(steps) < 40
    assert len(steps) == 1 or steps[-2]["core_seconds"] < most <= steps[-2]["core_seconds"] + 2 * each


def test_what_is_trained_past_the_core_seconds_is_not_delivered(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'nas.db'}"
    request = SearchRequest(
        budget=["9M-MACs"], space=SPACE, trials=1, storage=url, storage_path=str(tmp_path / "runs")
    )
    plan = plan_search(request, slots_here(1, None))
    study = begun(plan, open_storage(url))
    train(opened(study), plan.prices, [0.5, 0.6, 0.8, 0.9])
    steps = [{"trials": 2, "core_seconds": 10.0}, {"trials": 4, "core_seconds": 14.0}]
    found = [delivered_within(study, steps, most) for most in (11, 12.5, 14)]
    assert [step["trials"] for step in found] == [2, 3, 4]
    assert [step["core_seconds"] for step in found] == [10.0, 12.0, 14.0]
    assert [step["accuracy"] for step in found] == [0.6, 0.8, 0.9]


def test_the_table_compares_seeds_that_both_searches_have_ended_for():
    network = json.loads(search_spaces.load(SPACE).sample(np.random.default_rng(0)).to_json())
    step = {"trials": 8, "core_seconds": 100.0, "accuracy": 0.5, "network": network}
    ends = {"train/0": 0.6, "supernet/0": 0.62, "train/1": 0.61, "supernet/1": 0.64, "train/2": 0.1}
    state = {
        "settings": {"space": SPACE, "budget": "5M-MACs", "recipe": "proxy"},
        "searches": {key: {"delivered": step} for key in [*ends, "supernet/2"]},
        "trainings": {key: {"test": test, "costs": {"macs": 1, "params": 1}} for key, test in ends.items()},
    }
    lines = lines_of(state)
    assert sum(line.startswith(("| train/", "| supernet/")) for line in lines) == len(ends)
    assert "+2.5 points" in lines[-1]
    assert "2 seeds" in lines[-1]
