"""Searches of the smallest networks on the smallest images, and ways to kill what runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import optuna
import psycopg

from nas.storage.optuna_storage import open_storage
from nas.study import trial_attributes
from nas.study.study import settings_of

EPOCHS = 3
RECIPE = (
    f"epochs: {EPOCHS}\nrungs: [1, {EPOCHS}]\nbatch_size: 32\nrecalibration_batches: 1\nwarmup_epochs: 0\n"
)
SPACE = """
version: 1
name: tiny
resolution: [8, 12, 16]
width: [1.0, 1.5, 2.0]
conv_depth: [0.5, 1.0, 2.0]
attention_depth: [0.5, 1.0, 2.0]
options: {stem_channels: 16, stem_stride: 1, head_channels: 0}
stages:
  - channels: 16
    stride: 2
    options: {mixer: [depthwise, attention], kernel: [3, 5, 7], expansion: [1, 2, 3]}
  - channels: 32
    depth: 2
    stride: 2
    options: {mixer: [depthwise, attention], kernel: [3, 5, 7], expansion: [1, 2, 3]}
"""
LIMIT_S = 900  # a busy host takes several times as long


def furnish(folder, images=160):
    """Put images, a space and a recipe into a folder."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, images)
    pixels = rng.integers(0, 120, (images, 8, 8, 1)) + 40 * labels[:, None, None, None]
    np.savez(folder / "tiny.npz", images=pixels.astype(np.uint8), labels=labels)
    (folder / "tiny.yaml").write_text(SPACE)
    (folder / "short.yaml").write_text(RECIPE)


def started(folder, url, trials, *words, core=None, inside=(), environment=None):
    """Start a search in a folder; what it says on standard error is kept in err.txt.

    Args:
        folder: Furnished.
        url: Of the storage.
        trials: To be trained.
        words: More options.
        core: The one core that it may use, which gives it one worker; None for all.
        inside: Words before the command, which say where it runs.
        environment: Variables besides those of this process.
    """
    with (folder / "err.txt").open("ab") as errors:
        return subprocess.Popen(
            [
                *inside,
                *(() if core is None else ("taskset", "--cpu-list", str(core))),
                *(sys.executable, "-m", "nas", "search", "--budget", "8M-MACs", "--space", "tiny.yaml"),
                *("--data", "tiny.npz", "--recipe", "short.yaml", "--sampler", "random", "--study", "chaos"),
                *("--trials", str(trials), "--storage", url, *words),
            ],
            cwd=folder,
            env={**os.environ, "COLUMNS": "120", "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )


def database(server, name):
    """Make a database in a PostgreSQL server and return its URL."""
    with psycopg.connect(server.url.replace("+psycopg", "") + "postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.url + name


def below(process):
    """Return the processes that a process started, at any remove, by what they are called."""
    every = ["ps", "-ww", "-eo", "pid=,ppid=,args="]  # whole lines, whatever COLUMNS says
    listed = subprocess.run(every, capture_output=True, text=True, check=True)
    children: dict[int, list[tuple[int, str]]] = {}
    for line in listed.stdout.splitlines():
        pid, parent, words = (*line.split(None, 2), "")[:3]
        children.setdefault(int(parent), []).append((int(pid), words))
    found: list[tuple[int, str]] = []
    ahead = [process]
    while ahead:
        below_it = children.get(ahead.pop(), [])
        found += below_it
        ahead += [pid for pid, _ in below_it]
    return found


def victims(process, kind):
    """Return the processes of a kind that a driver has running."""
    if kind == "driver":
        return [process.pid]
    marks = {"worker": "ray::ImplicitFunc", "raylet": "raylet/raylet", "head": "gcs_server"}
    return [pid for pid, words in below(process.pid) if marks[kind] in words]


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_all(process):
    """End a driver and all that it started, at once."""
    started_by_it = [pid for pid, _ in below(process.pid)]
    kill(process.pid)
    for pid in started_by_it:
        kill(pid)
    process.communicate()


def trials_of(url, study="chaos"):
    """Return the trials of a study, none if there is no study yet."""
    storage = open_storage(url)
    try:
        if study not in optuna.get_all_study_names(storage):
            return []
        return optuna.load_study(study_name=study, storage=storage).get_trials(deepcopy=False)
    finally:
        storage.engine.dispose()


def finished(trials):
    """Return what is known of each trained network by its number."""
    return {
        t.number: (t.state, t.values, t.intermediate_values, t.params, t.user_attrs.get("architecture"))
        for t in trials
        if trial_attributes.trained(t)
    }


def wait_for(url, process, wanted, study="chaos"):
    """Wait until a study has so many trained networks, or its driver has ended."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None or len(finished(trials_of(url, study))) >= wanted:
            return
        time.sleep(0.2)
    kill_all(process)
    raise AssertionError(
        f"no {wanted} networks within {LIMIT_S} s: {Counter(t.state for t in trials_of(url))}"
    )


def check_counts(trials, wanted, seen):
    """Check that nothing was lost, doubled or left, and return how the trials ended.

    Args:
        trials: Of the study in the end.
        wanted: Networks that it should have trained.
        seen: What was finished at any moment before.
    """
    done = finished(trials)
    assert {number: done.get(number) for number in seen} == seen, "a finished trial was lost or changed"
    assert len(done) == wanted, f"{len(done)} networks were trained, not {wanted}"
    networks = Counter(t.user_attrs["fingerprint"] for t in trials if t.number in done)
    assert max(networks.values()) == 1, "a network was trained twice"
    assert not [t.number for t in trials if not t.state.is_finished()], "a trial is left running"
    for trial in (t for t in trials if t.number in done):
        curve = sorted(trial.intermediate_values)
        whole = trial.state.name == "COMPLETE"
        assert curve == list(range(1, EPOCHS + 1) if whole else range(1, 2)), f"the curve has a hole: {curve}"
    return Counter(t.state.name for t in trials)


TRAIN = (
    "import json, sys, trials.training.run_trial as t; "
    "t.run_trial(t.TrialConfig.from_json(json.load(sys.stdin)), lambda result: None)"
)


def trained_again(folder, url, trial, into, study="chaos"):
    """Train a network undisturbed from its architecture and seed, and return where its weights are."""
    storage = open_storage(url)
    settings = settings_of(optuna.load_study(study_name=study, storage=storage))
    storage.engine.dispose()
    config = {
        "architecture": trial.user_attrs["architecture"],
        "num_classes": 3,
        "in_channels": 1,
        "data": settings.data,
        "data_seed": settings.seed,
        "resized_once": settings.resized_once,
        "recipe": settings.recipe,
        "seed": settings.seed,
        "trial": trial.number,
        "folder": str(into),
        "threads": 1,
    }
    subprocess.run([sys.executable, "-c", TRAIN], input=json.dumps(config), text=True, check=True, cwd=folder)
    return Path(into) / "weights.safetensors"
