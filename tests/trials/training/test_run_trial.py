import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import search_spaces
from search_spaces.errors import DataError, RecipeError
from trials.training.attempt_fence import ATTEMPT, begin_attempt
from trials.training.epoch_result import EpochResult
from trials.training.errors import CheckpointError, SupersededError
from trials.training.file_names import CHECKPOINT, PREDICTIONS, WEIGHTS
from trials.training.predictions import Predictions
from trials.training.recipe import Recipe
from trials.training.run_trial import TrialConfig, run_trial

RECIPE = Recipe(name="short", epochs=2, batch_size=64)


@pytest.fixture(scope="module")
def architecture():
    """Return a small network of the catalog's space for small images, at the lowest cost of ten."""
    space = search_spaces.load("hybrid_small")
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(10)]
    return min(drawn, key=lambda a: search_spaces.count(a, num_classes=3, in_channels=1).macs)


@pytest.fixture
def config(tmp_path, architecture):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = (rng.integers(0, 60, (60, 8, 8)) + 90 * labels[:, None, None]).astype(np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=labels)
    return TrialConfig(
        architecture=architecture,
        num_classes=3,
        in_channels=1,
        data=str(tmp_path / "images.npz"),
        data_seed=0,
        recipe=RECIPE,
        seed=0,
        trial=12,
        folder=str(tmp_path / "00012"),
        threads=1,
    )


class StopError(Exception):
    pass


def results_of(config):
    results: list[EpochResult] = []
    run_trial(config, results.append)
    return [{**result.to_json(), "seconds": None, "waited_seconds": None} for result in results]


def test_a_network_sees_images_resized_once_to_its_resolution(config, tmp_path):
    """The images are 8 x 8 pixels, and the network takes larger ones."""
    once = replace(config, folder=str(tmp_path / "once"), cache=str(tmp_path / "cache"), resized_once=True)
    found, before = results_of(once), results_of(config)
    assert [e["epoch"] for e in found] == [e["epoch"] for e in before]
    assert [e["train_loss"] for e in found] != [e["train_loss"] for e in before]
    side = config.architecture.resolution
    assert [p for p in (tmp_path / "cache").iterdir() if p.name.endswith(f"-{side}")]
    assert TrialConfig.from_json(once.to_json()) == once
    with pytest.raises(CheckpointError, match="other resizing of images"):
        run_trial(replace(once, folder=config.folder), print)


def test_writing_a_config_and_reading_it_is_identity(config, tmp_path):
    every = replace(
        config, start=str(tmp_path / WEIGHTS), with_validation=True, attempt="a", cache="b", metric="macro_f1"
    )
    for one in (config, every):
        assert TrialConfig.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_keys_that_belong_to_others_are_left_out_of_a_config(config):
    assert TrialConfig.from_json({**config.to_json(), "gpu_share": 0.5}) == config


def test_a_trial_reports_its_epochs_and_leaves_its_weights(config, tmp_path, architecture):
    results = results_of(config)
    assert [result["epoch"] for result in results] == [1, 2]
    assert torch.get_num_threads() == 1
    network = search_spaces.build(architecture, num_classes=3, in_channels=1)
    network.load_state_dict(load_file(tmp_path / "00012" / WEIGHTS))
    with safe_open(tmp_path / "00012" / WEIGHTS, framework="pt") as file:
        metadata = json.loads(file.metadata()["network"])
    assert metadata["architecture"] == json.loads(architecture.to_json())
    assert metadata["classes"] == ["0", "1", "2"]


def test_an_earlier_attempt_writes_nothing_over_what_a_later_one_wrote(config, tmp_path):
    folder = tmp_path / "00012"
    later: list[EpochResult] = []
    written: dict[str, int] = {}

    def as_if_cut_off(_):
        """While the first attempt goes on, another one trains the network to the end."""
        if not later:
            again = replace(config, attempt=begin_attempt(folder))
            run_trial(again, later.append)
            for name in (CHECKPOINT, WEIGHTS):
                written[name] = (folder / name).stat().st_ino

    with pytest.raises(SupersededError, match="begun again elsewhere"):
        run_trial(replace(config, attempt=begin_attempt(folder)), as_if_cut_off)
    assert [result.epoch for result in later] == [1, 2]
    assert {name: (folder / name).stat().st_ino for name in written} == written


def test_what_a_killed_process_was_writing_is_deleted_when_the_trial_begins_again(tmp_path):
    folder = tmp_path / "00012"
    killed = (
        "from pathlib import Path; import os, signal; from trials.training import atomic_writing as writing; "
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL); "
        f"writing.write_atomically(Path({str(folder / CHECKPOINT)!r}), b'half')"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -signal.SIGKILL
    [left] = folder.iterdir()
    (folder / WEIGHTS).write_bytes(b"kept")
    begin_attempt(folder)
    assert left.name.startswith(f".{CHECKPOINT}-")
    assert {path.name for path in folder.iterdir()} == {ATTEMPT, WEIGHTS}


def test_an_attempt_that_comes_too_late_does_not_even_begin(config, tmp_path):
    late = begin_attempt(tmp_path / "00012")
    begin_attempt(tmp_path / "00012")
    with pytest.raises(SupersededError):
        run_trial(replace(config, attempt=late), lambda _: pytest.fail("an epoch was trained"))


def test_a_stopped_trial_goes_on_and_ends_as_if_never_stopped(config, tmp_path):
    expected = results_of(replace(config, folder=str(tmp_path / "unbroken")))

    def stop(_):
        raise StopError

    with pytest.raises(StopError):
        run_trial(config, stop)
    assert results_of(config) == expected
    assert (tmp_path / "00012" / WEIGHTS).read_bytes() == (tmp_path / "unbroken" / WEIGHTS).read_bytes()


def test_a_damaged_checkpoint_starts_the_trial_again(config, tmp_path, caplog):
    expected = results_of(config)
    (tmp_path / "00012" / CHECKPOINT).write_bytes(b"half of a")
    assert results_of(config) == expected
    assert "Trial 12 starts again" in caplog.text


def test_trials_of_one_search_start_from_different_weights(config):
    one, other = results_of(config), results_of(replace(config, trial=13, folder=config.folder + "b"))
    assert one != other


def test_images_that_changed_since_the_search_began_stop_the_trial(config):
    with pytest.raises(DataError, match="3 classes and 1 channels: expected 10 and 1"):
        run_trial(replace(config, num_classes=10), print)
    with pytest.raises(DataError, match="have changed since"):
        run_trial(replace(config, fingerprint="0" * 64), print)


def test_a_checkpoint_of_another_architecture_or_start_is_refused(config):
    def stop(_):
        raise StopError

    with pytest.raises(StopError):
        run_trial(config, stop)
    space, other = search_spaces.load("hybrid_small"), None
    rng = np.random.default_rng(1)
    resolution = config.architecture.resolution
    while other is None or other.resolution != resolution:
        other = space.sample(rng)
    with pytest.raises(CheckpointError, match="training with other architecture"):
        run_trial(replace(config, architecture=other), stop)
    with pytest.raises(CheckpointError, match="training with other images to learn from"):
        run_trial(replace(config, with_validation=True), stop)


def test_a_training_begins_from_the_weights_it_is_given(config, tmp_path):
    slow = Recipe(name="slow", epochs=1, batch_size=64, learning_rate=1e-12, precision="fp32")
    results_of(config)
    start = tmp_path / "00012" / WEIGHTS
    again = replace(config, recipe=slow, folder=str(tmp_path / "again"), start=str(start))
    results_of(again)
    before, after = load_file(start), load_file(tmp_path / "again" / WEIGHTS)
    weights = [name for name in before if "running" not in name and "num_batches" not in name]
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in weights)
    with pytest.raises(CheckpointError, match="training with other start"):
        results_of(replace(again, start=None))


def test_a_recipe_that_cannot_be_used_is_an_error(config):
    with pytest.raises(RecipeError, match="epochs"):
        TrialConfig.from_json({**config.to_json(), "recipe": {"name": "none"}})


@pytest.mark.slow
def test_a_network_that_is_deployed_in_int8_is_evaluated_so_after_its_last_epoch(config):
    first, last = results_of(replace(config, deploy_dtype="int8", keep_predictions=True))
    plain = results_of(replace(config, folder=f"{config.folder}-plain"))
    assert first == plain[0]
    assert {**last, "int8": None} == plain[1]
    assert {"accuracy", "standard_error", "balanced_accuracy", "macro_f1", "seconds"} <= set(last["int8"])
    assert 0 <= last["int8"]["accuracy"] <= 1
    found = Predictions.read(Path(config.folder) / PREDICTIONS)
    assert (found.labels == found.classes).mean() == pytest.approx(last["int8"]["accuracy"])
