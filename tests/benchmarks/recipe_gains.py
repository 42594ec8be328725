"""What recipes gain on CIFAR-10, in networks of several sizes, by the same seeds in pairs.

`strong` and `tiny` against `full`, and `tiny` inside wider networks against `tiny` alone.

At each size, one network that is drawn uniformly from a narrow band of MACs, before anything was trained, of
a space like `hybrid_small` that also holds smaller ones. Each training is stored as it ends and has a
checkpoint until then, so that the command goes on where it was interrupted; the table says what is missing.
The defaults take days on a CPU, hours on a GPU; `--epochs`, `--images` and `--batch` ask for less, and are
filed with the results.

    .venv/bin/python -m tests.benchmarks.recipe_gains --device cuda --at-once 8 --batch 256
"""

import argparse
import math
import statistics
import time
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

import search_spaces
from search_spaces.architecture import Architecture, options_of
from tests.benchmarks.filing import file_result
from tests.benchmarks.kept_runs import KeptRuns
from tests.benchmarks.training_from_scratch import trained_from_scratch
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.recipes import RECIPES
from trials.training.flips import settled_flips
from trials.training.recipe import Recipe

IMAGES: Final = Path("../shared/data/cifar10")
STATE: Final = Path(__file__).parent / "results" / "recipe_gains.json"
CLASSES: Final = 10
BATCH: Final = 32
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
    """A recipe that is compared with another in a network of a band of MACs.

    Attributes:
        recipe: Name of the recipe; with ``+wider``, inside wider networks.
        low: Least MACs of the network.
        high: Most MACs of the network.
        against: Name of the other recipe.
    """

    recipe: str
    low: int
    high: int
    against: str = "full"


INSIDE: Final = "+wider"
WIDER: Final = 2.0
PAIRS: Final = (
    Pair("tiny", 900_000, 1_000_000),
    Pair("tiny+wider", 900_000, 1_000_000, against="tiny"),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How every network is trained.

    Attributes:
        images_at: Folder of CIFAR-10 as Parquet.
        epochs: Epochs of a training.
        images: Images in an epoch, drawn anew for each.
        batch: Images in an optimiser step; the rate is in proportion.
        device: Name of the device.
        unfinished: Folder of decoded images and unfinished trainings.
    """

    images_at: str
    epochs: int
    images: int
    batch: int
    device: str
    unfinished: Path

    def key(self, pair: Pair, name: str, seed: int) -> str:
        """Return the name of a training among the results."""
        batch = "" if self.batch == BATCH else f"x{self.batch}"
        return f"{pair.high / 1e6:g}M:{name}:{seed}:{self.epochs}x{self.images}{batch}"

    def recipe(self, name: str, splits: Splits) -> Recipe:
        """Return a recipe with fewer epochs, whose warm-up is the same share; flips as detected."""
        recipe = RECIPES[name.removesuffix(INSIDE)]
        shorter = {
            "epochs": self.epochs,
            "rungs": (self.epochs,),
            "warmup_epochs": recipe.warmup_epochs * self.epochs / recipe.epochs,
            "epoch_images": self.images,
            "batch_size": self.batch,
            "learning_rate": recipe.learning_rate * self.batch / recipe.batch_size,
            "flip": "detect",
            "precision": "fp32",
            "wider": WIDER if name.endswith(INSIDE) else 1.0,
        }
        return settled_flips(recipe.model_copy(update=shorter), splits)[0]


@cache
def opened(settings: Settings) -> Splits:
    """Return the images; decoded once for all processes."""
    return open_images(settings.images_at, seed=0, cache=settings.unfinished / "images")


def trained(pair: Pair, name: str, seed: int, settings: Settings) -> dict[str, Any]:
    """Return the accuracy on validation images after each epoch, and the seconds that the training took."""
    started, splits = time.perf_counter(), opened(settings)
    settings.unfinished.mkdir(parents=True, exist_ok=True)
    checkpoint = settings.unfinished / f"{settings.key(pair, name, seed)}.pt"
    results = trained_from_scratch(
        network(pair), splits, settings.recipe(name, splits), seed, settings.device, checkpoint
    )
    checkpoint.unlink(missing_ok=True)
    return {
        "accuracy": [round(result.accuracy, 5) for result in results],
        "train_loss": [round(result.train_loss, 5) for result in results],
        "seconds": round(time.perf_counter() - started, 1),
    }


def table(known: dict[str, Any], pairs: tuple[Pair, ...], settings: Settings) -> list[str]:
    """Return the results as lines of Markdown: differences of pairs with their 95 % interval over seeds."""
    lines = [
        "| MACs | parameters | recipe | accuracy | against | difference, 95 % interval | seeds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for pair in pairs:
        architecture = network(pair)
        costs = search_spaces.count(architecture, num_classes=CLASSES)
        both = [
            [known[settings.key(pair, name, seed)]["accuracy"][-1] for name in (pair.recipe, pair.against)]
            for seed in SEEDS
            if all(settings.key(pair, name, seed) in known for name in (pair.recipe, pair.against))
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
            f"{row} | {mine:.2%} | `{pair.against}` {full:.2%} | "
            f"{statistics.fmean(differences):+.2f} ± {spread} points | {len(both)} |"
        )
    return lines


def arguments() -> argparse.Namespace:
    """Return the arguments of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", type=Path, default=STATE, help="file of the results")
    parser.add_argument("--images-at", type=Path, default=IMAGES, help="folder of CIFAR-10 as Parquet")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--images", type=int, default=45_000, help="images in an epoch, drawn anew for each")
    parser.add_argument(
        "--batch", type=int, default=BATCH, help="images in a step; the rate is in proportion"
    )
    parser.add_argument(
        "--pairs", type=int, default=len(PAIRS), help="how many of the sizes, the smallest first"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--at-once", type=int, default=1, help="trainings at the same time")
    return parser.parse_args()


def main() -> None:
    """Train what is not yet in the file of results, then file them."""
    given = arguments()
    settings = Settings(
        images_at=str(given.images_at),
        epochs=given.epochs,
        images=given.images,
        batch=given.batch,
        device=given.device,
        unfinished=given.state.with_suffix(".unfinished"),
    )
    splits = opened(settings)  # decoded before several processes would
    runs = KeptRuns(given.state, given.at_once)
    runs.run(
        {
            settings.key(pair, name, seed): partial(trained, pair, name, seed, settings)
            for seed in SEEDS
            for pair in PAIRS[: given.pairs]
            for name in (pair.recipe, pair.against)
        }
    )
    file_result(
        "recipe_gains",
        command=f"python -m tests.benchmarks.recipe_gains --epochs {given.epochs} --images {given.images} "
        f"--batch {given.batch} --pairs {given.pairs}",
        seed="0, 1 and 2",
        lines=[
            f"Accuracy on the {len(splits.validation):,} validation images of CIFAR-10 after {given.epochs} "
            f"epochs of {given.images:,} of its {len(splits.train):,} training images in batches of "
            f"{given.batch}, in fp32. All recipes mirror images.",
            "",
            *table(runs.found, PAIRS, settings),
        ],
    )


if __name__ == "__main__":
    main()
