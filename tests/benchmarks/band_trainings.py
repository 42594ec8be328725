"""Trains networks of one band of MACs on CIFAR-10 for long, twice: what a cheaper value is judged by.

The networks are drawn uniformly from the space `hybrid_small` at 4M to 5M MACs, and the recipe was fixed
before the first of them was trained. Each finished training is stored at once, so that the command goes on
where it was interrupted; hours on two cores.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

import search_spaces
from search_spaces.architecture import Architecture
from tests.benchmarks.training_from_scratch import trained_from_scratch
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.recipes.proxy import RECIPE as PROXY
from trials.training.recipe import Recipe

IMAGES: Final = Path("../shared/data/cifar10")
RESULTS: Final = Path(__file__).parent / "results" / "band_trainings.json"
SPACE, LOW_MACS, HIGH_MACS, NETWORKS, CLASSES = "hybrid_small", 4_000_000, 5_000_000, 40, 10
LONG: Final = Recipe(
    name="long",
    epochs=10,
    rungs=(10,),
    epoch_images=30_000,
    batch_size=64,
    schedule="cosine",
    warmup_epochs=0.5,
    final_rate=0.0,
    gradient_clip=1.0,
    flip=True,
    shift=0.125,
)
"""300,000 images."""
WORK: Final = {"long": (LONG, (0, 1)), "proxy": (PROXY, (100,))}
"""Recipe and seeds of each kind of value; the proxy has a seed of its own, as in a search."""


def networks(count: int = NETWORKS) -> list[Architecture]:
    """Return the networks of the band, the same at every call."""
    space, rng = search_spaces.load(SPACE), np.random.default_rng(0)
    budget = search_spaces.Budget.parse("5M-MACs")
    found: dict[Architecture, None] = {}
    while len(found) < count:
        drawn = space.sample(rng, budgets=[budget], num_classes=CLASSES)
        if search_spaces.count(drawn, num_classes=CLASSES).macs >= LOW_MACS:
            found[drawn] = None
    return list(found)


def trained(architecture: Architecture, splits: Splits, recipe: Recipe, seed: int) -> dict[str, Any]:
    """Return accuracy and loss after each epoch, and the seconds of one core that the training took."""
    started = time.process_time()
    results = trained_from_scratch(architecture, splits, recipe, seed)
    return {
        "accuracy": [result.accuracy for result in results],
        "loss": [result.loss for result in results],
        "core_seconds": time.process_time() - started,
    }


def main() -> None:
    """Train what is not yet in the file of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=RESULTS, help="file of the results")
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder of CIFAR-10 as Parquet")
    parser.add_argument("--part", default="0/1", help="which of several processes this is, such as 0/2")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    splits = open_images(str(arguments.images), seed=0, cache=None)
    part, parts = map(int, arguments.part.split("/"))
    todo = [
        (f"{kind}:{seed}", number, recipe, seed)
        for number in range(NETWORKS)
        for kind, (recipe, seeds) in WORK.items()
        for seed in seeds
    ]
    found = networks()
    for key, number, recipe, seed in todo[part::parts]:
        known = json.loads(arguments.state.read_text()) if arguments.state.exists() else {}
        if str(number) in known.get(key, {}):
            continue
        result = trained(found[number], splits, recipe, seed)
        known = json.loads(arguments.state.read_text()) if arguments.state.exists() else {}
        known.setdefault(key, {})[str(number)] = result
        arguments.state.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
        line = f"{key} {number}: {result['accuracy'][-1]:.3f}, {result['core_seconds']:.0f} s of one core"
        sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()
