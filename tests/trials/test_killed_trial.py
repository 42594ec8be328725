"""Trials killed for real, at any moment."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import search_spaces
from trials.training.file_names import CHECKPOINT, WEIGHTS
from trials.training.recipe import Recipe

KILLS = 6
RUN = (
    "import json, sys, trials.training.run_trial as t; "
    "t.run_trial(t.TrialConfig.from_json(json.load(sys.stdin)), lambda result: None)"
)


def started(config):
    process = subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(config))
    process.stdin.close()
    return process


@pytest.mark.chaos
def test_a_trial_killed_again_and_again_ends_with_the_same_bytes(tmp_path):
    space, rng = search_spaces.load("hybrid_small"), np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(20)]
    smallest = min(drawn, key=lambda a: search_spaces.count(a, num_classes=10, in_channels=1).macs)
    config = {
        "architecture": smallest.to_json(),
        "num_classes": 10,
        "in_channels": 1,
        "data": "digits",
        "data_seed": 0,
        "recipe": Recipe(name="short", epochs=4, ema_decay=0.9, mixup=0.2).to_json(),
        "seed": 0,
        "trial": 0,
        "threads": 1,
    }
    whole = tmp_path / "whole"
    assert started({**config, "folder": str(whole)}).wait() == 0
    begun = time.monotonic()
    assert started({**config, "folder": str(tmp_path / "again")}).wait() == 0
    lasts = time.monotonic() - begun

    broken = tmp_path / "broken"
    for delay in np.random.default_rng(0).uniform(0.2, 1.0, KILLS) * lasts:
        process = started({**config, "folder": str(broken)})
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert started({**config, "folder": str(broken)}).wait() == 0
    assert (broken / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert (broken / CHECKPOINT).exists()
