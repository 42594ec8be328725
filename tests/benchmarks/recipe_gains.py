"""What recipes gain over `full` on CIFAR-10, in networks of several sizes, by the same seeds in pairs.

At each size, one network that is drawn uniformly from a narrow band of MACs, before anything was trained, of
a space like `hybrid_small` that also holds smaller ones. Each training is stored at once, so that the command
goes on where it was interrupted; the table says what is missing. The defaults take days on a CPU, hours on a
GPU; `--epochs` and `--images` ask for less, and are filed with the results.
"""

import argparse
import json
import math
import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

import search_spaces
from search_spaces.architecture import Architecture, options_of
from tests.benchmarks.filing import file_result
from tests.benchmarks.training_from_scratch import trained_from_scratch
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.recipes import RECIPES
from trials.training.flips import settled_flips
from trials.training.recipe import Recipe

IMAGES: Final = Path("../shared/data/cifar10")
STATE: Final = Path(__file__).parent / "results" / "recipe_gains.json"
CLASSES: Final = 10
SEEDS: Final = (0, 1, 2)
SPACE: Final = replace(
    search_spaces.load("hybrid_small"),
    name="recipe_gains",
    resolution=(24, 32),
    width=(0.125, 0.25, 0.5, 0.75, 1.0, 1.5),
    options=options_of({"stem_channels": 8, "stem_stride": 1, "head_channels": 256}),
)
_T: Final = 4.303  # of 95 % and two degrees of freedom


@dataclass(frozen=True, slots=True)
class Pair:
    """A recipe that is compared with `full` in a network of a band of MACs.

    Attributes:
        recipe: Name of the recipe.
        low: Least MACs of the network.
        high: Most MACs of the network.
    """

    recipe: str
    low: int
    high: int


PAIRS: Final = (
    Pair("tiny", 900_000, 1_000_000),
    Pair("strong", 1_800_000, 2_000_000),
    Pair("strong", 18_000_000, 20_000_000),
)


def network(pair: Pair) -> Architecture:
    """Return the network of a band, the same at every call."""
    rng = np.random.default_rng(0)
    budget = search_spaces.Budget.parse(f"{pair.high / 1e6:g}M-MACs")
    while True:
        drawn = SPACE.sample(rng, budgets=[budget], num_classes=CLASSES)
        if search_spaces.count(drawn, num_classes=CLASSES).macs >= pair.low:
            return drawn


def shortened(name: str, epochs: int, images: int, splits: Splits) -> Recipe:
    """Return a recipe with fewer epochs and images, whose warm-up is the same share; flips as detected."""
    recipe = RECIPES[name]
    shorter = {
        "epochs": epochs,
        "rungs": (epochs,),
        "warmup_epochs": recipe.warmup_epochs * epochs / recipe.epochs,
        "epoch_images": images,
        "flip": "detect",
        "precision": "fp32",
    }
    return settled_flips(recipe.model_copy(update=shorter), splits)[0]


def trained(
    architecture: Architecture, splits: Splits, recipe: Recipe, seed: int, device: str
) -> dict[str, Any]:
    """Return the accuracy on validation images after each epoch, and the seconds that the training took."""
    started = time.perf_counter()
    results = trained_from_scratch(architecture, splits, recipe, seed, device)
    return {
        "accuracy": [round(result.accuracy, 5) for result in results],
        "train_loss": [round(result.train_loss, 5) for result in results],
        "seconds": round(time.perf_counter() - started, 1),
    }


def table(known: dict[str, Any], pairs: tuple[Pair, ...], settings: str) -> list[str]:
    """Return the results as lines of Markdown: differences of pairs with their 95 % interval over seeds."""
    lines = [
        "| MACs | parameters | recipe | accuracy | `full` | difference, 95 % interval | seeds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for pair in pairs:
        architecture = network(pair)
        costs = search_spaces.count(architecture, num_classes=CLASSES)
        both = [
            [known[key(pair, name, seed, settings)]["accuracy"][-1] for name in (pair.recipe, "full")]
            for seed in SEEDS
            if all(key(pair, name, seed, settings) in known for name in (pair.recipe, "full"))
        ]
        row = f"| {costs.macs / 1e6:.2f}M | {costs.params:,} | `{pair.recipe}`"
        if not both:
            lines.append(f"{row} | not measured | | | 0 |")
            continue
        mine, full = (statistics.fmean(values) for values in zip(*both, strict=True))
        differences = [100 * (one - other) for one, other in both]
        spread = "unknown"
        if len(both) == len(SEEDS):
            spread = f"{_T * statistics.stdev(differences) / math.sqrt(len(both)):.2f}"
        lines.append(
            f"{row} | {mine:.2%} | {full:.2%} | {statistics.fmean(differences):+.2f} ± {spread} points | "
            f"{len(both)} |"
        )
    return lines


def key(pair: Pair, name: str, seed: int, settings: str) -> str:
    """Return the name of a training among the results."""
    return f"{pair.high / 1e6:g}M:{name}:{seed}:{settings}"


def main() -> None:
    """Train what is not yet in the file of results, then file them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=STATE, help="file of the results")
    parser.add_argument("--images-at", type=Path, default=IMAGES, help="folder of CIFAR-10 as Parquet")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--images", type=int, default=45_000, help="images in an epoch, drawn anew for each")
    parser.add_argument(
        "--pairs", type=int, default=len(PAIRS), help="how many of the sizes, the smallest first"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    if given.device == "cpu":
        torch.set_num_threads(1)
    splits = open_images(str(given.images_at), seed=0, cache=None)
    settings = f"{given.epochs}x{given.images}"
    for seed in SEEDS:
        for pair in PAIRS[: given.pairs]:
            for name in (pair.recipe, "full"):
                known = json.loads(given.state.read_text()) if given.state.exists() else {}
                if key(pair, name, seed, settings) in known:
                    continue
                recipe = shortened(name, given.epochs, given.images, splits)
                known[key(pair, name, seed, settings)] = trained(
                    network(pair), splits, recipe, seed, given.device
                )
                given.state.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
                sys.stderr.write(f"{key(pair, name, seed, settings)}\n")
    known = json.loads(given.state.read_text())
    file_result(
        "recipe_gains",
        command=f"python -m tests.benchmarks.recipe_gains --epochs {given.epochs} --images {given.images} "
        f"--pairs {given.pairs}",
        seed="0, 1 and 2",
        lines=[
            f"Accuracy on the {len(splits.validation):,} validation images of CIFAR-10 after {given.epochs} "
            f"epochs of {given.images:,} of its {len(splits.train):,} training images, in fp32 on the "
            f"{given.device}. All recipes mirror images.",
            "",
            *table(known, PAIRS, settings),
        ],
    )


if __name__ == "__main__":
    main()
