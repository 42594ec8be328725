"""Supernets in training: every rule learns, interrupted ones go on to the same bytes."""

import dataclasses
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
import torch

from search_spaces.errors import BudgetError, DataError, NothingFitsError, SpaceError
from search_spaces.pricing import prices
from search_spaces.sampling import uniform_codes
from tests.trials.supernet.supernets import (
    CPU,
    RULES,
    SPACE,
    TRAINING,
    recipe_of,
    same,
    shared_for,
    weights,
)
from trials.supernet import SupernetEpoch, load_supernet, read_networks, train_supernet
from trials.training.errors import CheckpointError
from trials.training.file_names import CHECKPOINT, SUPERNET
from trials.training.recipe import Recipe

MACS = prices(SPACE.codes, num_classes=2, in_channels=3).extremes("macs")
BAND = (MACS[0], MACS[1] // 2)


def drawn(count, space=SPACE):
    codes = uniform_codes(space.codes, np.random.default_rng(1), count)
    return [space.codes.at(row) for row in codes]


def trained(splits, rule="single_path", epochs=1, **options):
    shared = shared_for(splits)
    recipe = recipe_of(rule, TRAINING.model_copy(update={"epochs": epochs}))
    results = train_supernet(shared, recipe, splits, **{"device": CPU, "clock": lambda: 0.0, **options})
    return shared, results


@pytest.mark.parametrize("rule", RULES)
def test_a_supernet_learns_and_its_networks_are_read_better_than_chance(rule, tiny_splits):
    shared, results = trained(tiny_splits, rule, epochs=4, band=None if rule == "fair" else BAND)
    assert [result.epoch for result in results] == [1, 2, 3, 4]
    assert [result.final for result in results] == [False, False, False, True]
    assert results[0].images == 96 * {"sandwich": 1, "sorted": 1, "single_path": 2, "fair": 2}[rule]
    assert results[-1].images == 96 * {"sandwich": 4, "sorted": 4, "single_path": 2, "fair": 2}[rule]
    values = list(read_networks(shared, drawn(4), tiny_splits, TRAINING, device=CPU))
    assert np.mean([value.accuracy for value in values]) > 0.8
    assert {value.images for value in values} == {96 + 24}


def test_networks_on_shuffled_labels_are_read_at_chance(tiny_splits):
    """24 images of 2 classes, networks that may all say the same: false alarm 1 in 1000."""
    rng = np.random.default_rng(0)
    shuffled = {
        name: dataclasses.replace(part, labels=rng.permutation(part.labels))
        for name in ("train", "validation")
        for part in [getattr(tiny_splits, name)]
    }
    splits = dataclasses.replace(tiny_splits, **shuffled)
    shared, _ = trained(splits, band=BAND)
    values = read_networks(shared, drawn(6), splits, TRAINING, device=CPU)
    assert abs(np.mean([value.accuracy for value in values]) - 0.5) < 0.34


def test_a_reading_is_that_of_the_extracted_module_and_the_same_in_any_order(tiny_splits):
    shared, _ = trained(tiny_splits, band=BAND)
    before = weights(shared)
    first, second = drawn(2)
    values = {
        v.architecture: v for v in read_networks(shared, [first, second], tiny_splits, TRAINING, device=CPU)
    }
    again = {
        v.architecture: v for v in read_networks(shared, [second, first], tiny_splits, TRAINING, device=CPU)
    }
    assert values == again
    assert same(before, weights(shared))


class StopError(Exception):
    """Stops a training."""


def test_the_weights_know_the_split_of_their_images_whatever_seed_trained_them(tiny_splits, tmp_path):
    for seed, options in ((0, {}), (3, {"seed": 3}), (0, {"seed": 3, "data_seed": 0})):
        trained(tiny_splits, folder=tmp_path, **options)
        found = load_supernet(tmp_path / SUPERNET)
        found.check(SPACE, tiny_splits, seed=seed)
        with pytest.raises(DataError, match=f"--seed {seed}"):
            found.check(SPACE, tiny_splits, seed=seed + 1)
        (tmp_path / CHECKPOINT).unlink()


@pytest.mark.parametrize(("rule", "optimiser"), [("sandwich", "adamw"), ("sorted", "adamw"), ("fair", "sgd")])
def test_a_training_stopped_at_any_step_goes_on_to_the_same_weights(rule, optimiser, tiny_splits, tmp_path):
    changes = {"optimiser": optimiser, "mixup": 0.2, "gradient_clip": 1.0, "epochs": 2}
    training = TRAINING.model_copy(update=changes)
    recipe = recipe_of(rule, training)
    options: dict[str, Any] = {
        "device": CPU,
        "band": None if rule == "fair" else BAND,
        "clock": lambda: 0.0,
        "save_every_s": 0,
    }
    whole = shared_for(tiny_splits)
    results = train_supernet(whole, recipe, tiny_splits, folder=tmp_path / "whole", **options)

    broken = tmp_path / "broken"
    for saves in (4, 3):
        left = iter(range(saves))

        def stop(left=left):
            if next(left, None) is None:
                raise StopError

        with pytest.raises(StopError):
            train_supernet(
                shared_for(tiny_splits),
                recipe,
                tiny_splits,
                folder=broken,
                before_saving=stop,
                **options,
            )
    seen: list[SupernetEpoch] = []
    shared = shared_for(tiny_splits, seed=7)
    again = train_supernet(shared, recipe, tiny_splits, folder=broken, report=seen.append, **options)
    assert again == results == seen
    assert same(weights(shared), weights(whole))
    assert (broken / SUPERNET).read_bytes() == (tmp_path / "whole" / SUPERNET).read_bytes()


def test_a_trained_supernet_is_loaded_and_says_what_it_is_for(tiny_splits, tmp_path):
    shared, _ = trained(tiny_splits, band=BAND, folder=tmp_path)
    loaded = load_supernet(tmp_path / SUPERNET)
    assert same(weights(shared), weights(loaded.shared))
    assert (loaded.band, loaded.recipe.rule, loaded.seed) == (BAND, "single_path", 0)
    loaded.check(SPACE, tiny_splits, BAND[1])
    with pytest.raises(SpaceError, match="of the space 'small'"):
        loaded.check(dataclasses.replace(SPACE, resolution=(8,)), tiny_splits)
    with pytest.raises(DataError, match="2 classes"):
        loaded.check(SPACE, dataclasses.replace(tiny_splits, classes=("a", "b")))
    with pytest.raises(DataError, match="other images"):
        loaded.check(SPACE, dataclasses.replace(tiny_splits, fingerprint="other"))
    with pytest.raises(BudgetError, match="expected a budget between"):
        loaded.check(SPACE, tiny_splits, BAND[1] + 1)
    (tmp_path / SUPERNET).write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="Cannot read the supernet"):
        load_supernet(tmp_path / SUPERNET)


def test_what_cannot_be_trained_is_refused_in_one_line(tiny_splits, tmp_path):
    trained(tiny_splits, folder=tmp_path)
    with pytest.raises(CheckpointError, match="other seed"):
        trained(tiny_splits, folder=tmp_path, seed=1)
    with pytest.raises(CheckpointError, match="other band"):
        trained(tiny_splits, folder=tmp_path, band=BAND)
    with pytest.raises(NothingFitsError, match="Choose another band"):
        trained(tiny_splits, band=(1, 2))
    more = dataclasses.replace(tiny_splits, classes=("a", "b", "c"))
    with pytest.raises(DataError, match="3 classes"):
        train_supernet(shared_for(tiny_splits), recipe_of("fair"), more, device=CPU)


RUN = (
    "import sys, pathlib; from tests.trials.supernet.test_training import run; run(pathlib.Path(sys.argv[1]))"
)


def run(folder):
    """Train a small supernet on digits in a folder; for a process that is killed."""
    from trials.datasets import open_images

    torch.set_num_threads(1)
    splits = open_images("digits", seed=0, cache=None)
    recipe = recipe_of("sandwich", Recipe(name="short", epochs=3, batch_size=64, shift=0.1, epoch_images=512))
    train_supernet(shared_for(splits), recipe, splits, device=CPU, folder=folder, save_every_s=0.2)


@pytest.mark.chaos
def test_a_supernet_killed_again_and_again_ends_with_the_same_bytes(tmp_path):
    def started(folder):
        return subprocess.Popen([sys.executable, "-c", RUN, str(folder)])

    begun = time.monotonic()
    assert started(tmp_path / "whole").wait() == 0
    lasts = time.monotonic() - begun
    kills = 0
    for delay in np.random.default_rng(0).uniform(0.4, 1.0, 5) * lasts:
        process = started(tmp_path / "broken")
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert kills
    assert started(tmp_path / "broken").wait() == 0
    assert (tmp_path / "broken" / SUPERNET).read_bytes() == (tmp_path / "whole" / SUPERNET).read_bytes()
    assert (tmp_path / "broken" / CHECKPOINT).exists()
