"""Trains the supernets of a search on CIFAR-10 and reads the networks of `band_trainings.py` from them.

Run ``python -m tests.benchmarks.band_supernets STATE.json [--device cuda --at-once N]``. The supernets are
those of ``nas search --space hybrid_small_1 --budget 5M-MACs --evaluator supernet``, one for each seed: its
recipe, its band of MACs, and as many networks read. STATE holds the settings and each supernet that was read;
with checkpoints in ``--folder``, the command goes on where it was interrupted. It needs no Ray and no Optuna.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

import search_spaces
from search_spaces.budget import Budget
from search_spaces.pricing import prices
from tests.benchmarks.band_trainings import HIGH_MACS, PROXY, SPACE, add_place, begun, networks, place_of
from tests.benchmarks.cifar10 import CLASSES
from tests.benchmarks.kept_runs import in_processes, kept
from tests.benchmarks.truth_trainings import Place
from trials.supernet.cost_forecast import work_of
from trials.supernet.reading import read_networks
from trials.supernet.recipe import SupernetRecipe
from trials.supernet.run_supernet import Listener, SupernetConfig, run_supernet
from trials.supernet.step_networks import Band, StepNetworks
from trials.supernet.training import SupernetEpoch
from trials.supernet.weights_file import load_supernet
from trials.training.file_names import SUPERNET
from trials.training.recipe import Recipe

SEEDS: Final = (0, 1)
_SPLIT_SEED: Final = 0
_TRAINING: Final = {**PROXY.to_json(), "name": "proxy-supernet", "epochs": 4 * PROXY.epochs, "rungs": []}
RECIPE: Final = SupernetRecipe(name="proxy-supernet", training=Recipe.from_json(_TRAINING))
"""What `nas search` makes of the recipe ``proxy``; stands here because that needs more packages."""


def band() -> Band:
    """Return the least and most MACs of the networks that matter to the search."""
    table = prices(search_spaces.load(SPACE).codes, num_classes=CLASSES)
    return (max(int(table.extremes("macs")[0]), HIGH_MACS // 3), HIGH_MACS)


def step_networks(seed: int) -> StepNetworks:
    """Return the networks of the steps of a supernet's training."""
    space = search_spaces.load(SPACE)
    return StepNetworks(space, RECIPE, band(), num_classes=CLASSES, in_channels=3, seed=seed)


def readings_of_search(images: int, validation: int) -> int:
    """Return how many networks a search reads."""
    return work_of(step_networks(0), RECIPE, PROXY, images=images, validation=validation).readings


def supernet_of(seed: int, count: int, place: Place) -> dict[str, Any]:
    """Return the key of a supernet, and its readings with the seconds of training and reading.

    Args:
        seed: Seed of the training and of the networks that are read.
        count: Number of networks of the band that are read besides.
        place: Where it runs.
    """
    splits, device = place.splits(), torch.device(place.device)
    folder = place.folder / f"supernet-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    space = search_spaces.load(SPACE)
    spoken = _Speaker(f"supernet/{seed}")
    config = SupernetConfig(
        space=space,
        recipe=RECIPE,
        search=PROXY,
        band=band(),
        budgets=(Budget.parse("5M-MACs").text,),
        readings=readings_of_search(len(splits.train), len(splits.validation)),
        metric="accuracy",
        data=place.images,
        data_seed=_SPLIT_SEED,
        fingerprint=splits.fingerprint,
        cache=str(place.folder / "images"),
        seed=seed,
        folder=str(folder),
        threads=torch.get_num_threads() if place.device == "cpu" else 1,
        device=place.device,
    )
    found = run_supernet(config, spoken)
    trained = load_supernet(folder / SUPERNET)
    trained.shared.to(device)
    started = time.perf_counter()
    of_band = [
        [value.accuracy, value.loss]
        for value in read_networks(trained.shared, networks(count), splits, RECIPE.training, device=device)
    ]
    return {
        "of_band": of_band,
        "codes": found.codes.tolist(),
        "values": found.values.tolist(),
        "training_seconds": spoken.seconds or None,  # unknown where only readings were left to do
        "reading_seconds": (time.perf_counter() - started) / count,
        "device": place.device,
    }


class _Speaker(Listener):
    """Says each epoch, and adds up their seconds."""

    def __init__(self, name: str) -> None:
        self.name, self.seconds = name, 0.0

    def epoch(self, epoch: SupernetEpoch) -> None:
        self.seconds += epoch.seconds
        sys.stderr.write(f"{self.name} epoch {epoch.epoch}: loss {epoch.loss:.3f}, {epoch.seconds:.0f} s\n")


def settings() -> dict[str, Any]:
    """Return what all supernets in one state have in common."""
    return {
        "space": SPACE,
        "band": list(band()),
        "recipe": RECIPE.identity(),
    }


def main() -> None:
    """Train and read what is not yet in the state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path, help="file of settings and results; not that of the trainings")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    add_place(parser, at_once="supernets")
    given = parser.parse_args()
    state = begun(given.state, settings())
    place = place_of(given)
    place.splits()
    todo = [seed for seed in given.seeds if f"supernet/{seed}" not in state["trainings"]]
    runs = {f"supernet/{seed}": partial(supernet_of, seed, given.networks, place) for seed in todo}
    for key, result in in_processes(runs, place.at_once):
        state["trainings"][key] = result
        kept(given.state, state)


if __name__ == "__main__":
    main()
