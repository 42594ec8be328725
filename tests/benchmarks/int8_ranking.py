"""Whether networks rank in int8 as they do in fp32, and which of them quantisation costs most, on CIFAR-10.

Networks of `hybrid_small` and of `mobile_cnn` at 64 pixels are drawn uniformly from those within a budget,
before anything was trained, and trained as a search trains them. Each training is stored as it ends and has a
checkpoint until then, so that the command goes on where it was interrupted; the table says what is missing.

    .venv/bin/python -m tests.benchmarks.int8_ranking --device cuda --at-once 4
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

import search_spaces
from nas.profiling.rank_correlation import kendall
from search_spaces.architecture import Architecture
from search_spaces.space import SearchSpace
from tests.benchmarks.filing import file_result
from tests.benchmarks.kept_runs import KeptRuns
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.recipes import RECIPES
from trials.training.epoch_result import EpochResult
from trials.training.recipe import Recipe
from trials.training.run_trial import TrialConfig, run_trial

IMAGES: Final = Path("../shared/data/cifar10")
STATE: Final = Path(__file__).parent / "results" / "int8_ranking.json"
BUDGET: Final = "20M-MACs"
_Z: Final = 1.96  # standard errors of a 95 % interval


def spaces() -> dict[str, SearchSpace]:
    """Return the spaces by name; the one for phones at a side at which its networks are this small."""
    mobile = search_spaces.load("mobile_cnn")
    return {
        "hybrid_small": search_spaces.load("hybrid_small"),
        "mobile_cnn": replace(mobile, resolution=(64,)),
    }


def networks(space: SearchSpace, count: int) -> list[Architecture]:
    """Return distinct networks within the budget; fewer are the first of more."""
    rng, budgets = np.random.default_rng(0), [search_spaces.Budget.parse(BUDGET)]
    found: dict[Architecture, None] = {}
    while len(found) < count:
        found[space.sample(rng, budgets=budgets, num_classes=10)] = None
    return list(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How every network is trained.

    Attributes:
        images_at: Folder of CIFAR-10 as Parquet, or another name or path of images.
        epochs: Epochs of a training.
        images: Most images in an epoch, drawn anew for each.
        device: Name of the device.
        unfinished: Folder of decoded images and unfinished trainings.
    """

    images_at: str
    epochs: int
    images: int
    device: str
    unfinished: Path

    def recipe(self, **changes: Any) -> Recipe:
        """Return the recipe of a search with so many epochs and images, changed."""
        shorter = {"epochs": self.epochs, "rungs": (self.epochs,), "epoch_images": self.images}
        return RECIPES["proxy"].model_copy(update={**shorter, **changes})


@cache
def opened(settings: Settings) -> Splits:
    """Return the images; decoded once for all processes."""
    return open_images(settings.images_at, seed=0, cache=settings.unfinished / "images")


def trained(
    key: str, architecture: Architecture, settings: Settings, recipe: Recipe, seed: int = 0
) -> dict[str, Any]:
    """Return the accuracy in fp32 and int8 of a training, and the seconds that it and int8 took."""
    started, splits = time.perf_counter(), opened(settings)
    ends: list[EpochResult] = []
    run_trial(
        TrialConfig(
            architecture=architecture,
            num_classes=len(splits.classes),
            in_channels=splits.channels,
            data=settings.images_at,
            data_seed=0,
            recipe=recipe,
            seed=seed,
            trial=0,
            folder=str(settings.unfinished / key.replace(":", "-")),
            threads=1 if settings.device == "cpu" else None,
            device=settings.device,
            cache=str(settings.unfinished / "images"),
            deploy_dtype="int8",
        ),
        ends.append,
    )
    assert ends[-1].int8 is not None
    return {
        "fp32": round(ends[-1].accuracy, 5),
        "int8": round(ends[-1].int8["accuracy"], 5),
        "int8_seconds": round(ends[-1].int8["seconds"], 2),
        "seconds": round(time.perf_counter() - started, 1),
    }


def tau(one: Sequence[float], other: Sequence[float]) -> str:
    """Return Kendall's tau of two rankings with its 95 % interval, as text."""
    value, error = kendall(np.array(one, dtype=np.float64), np.array(other, dtype=np.float64))
    return f"{value:.2f} ± {_Z * error:.2f}"


def table(space: str, drawn: list[Architecture], known: list[dict[str, Any]], of: int) -> list[str]:
    """Return the results of the networks of a space that are trained, as lines of Markdown."""
    lines = ["", f"## {space}: {len(known)} of {of} networks", ""]
    if len(known) < 3:
        return [*lines, "Too few."]
    int8, fp32 = ([one[form] for one in known] for form in ("int8", "fp32"))
    costs = [search_spaces.count(a, num_classes=10) for a in drawn]
    drops = [100 * (a - b) for a, b in zip(fp32, int8, strict=True)]
    share = statistics.fmean(k["int8_seconds"] / k["seconds"] for k in known)
    lines += [
        "| ranking of int8 accuracy by | Kendall's tau, 95 % interval |",
        "| --- | --- |",
        f"| fp32 accuracy | {tau(fp32, int8)} |",
        f"| MACs | {tau([c.macs for c in costs], int8)} |",
        f"| parameters | {tau([c.params for c in costs], int8)} |",
        "",
        f"fp32 {statistics.fmean(fp32):.2%}, int8 {statistics.fmean(int8):.2%}: int8 costs "
        f"{statistics.fmean(drops):.2f} points, at most {max(drops):.2f}; its evaluation took {share:.1%} of "
        "the time of a trial.",
        "",
        "| networks with | number | mean drop, points, ± standard error |",
        "| --- | --- | --- |",
    ]
    by_mixer: dict[str, list[float]] = defaultdict(list)
    for architecture, drop in zip(drawn, drops, strict=True):
        for mixer in sorted({stage.mixer or stage.block for stage in architecture.stages}):
            by_mixer[mixer].append(drop)
    for mixer, found in sorted(by_mixer.items(), key=lambda item: -statistics.fmean(item[1])):
        error = f"{statistics.stdev(found) / len(found) ** 0.5:.2f}" if len(found) > 1 else "unknown"
        lines.append(f"| {mixer} | {len(found)} | {statistics.fmean(found):.2f} ± {error} |")
    return lines


def parser(state: Path, epochs: int) -> argparse.ArgumentParser:
    """Return the parser of what the benchmarks of int8 have in common."""
    found = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--state", type=Path, default=state, help="file of the results")
    found.add_argument("--images-at", default=str(IMAGES), help="folder of CIFAR-10 as Parquet")
    found.add_argument("--epochs", type=int, default=epochs)
    found.add_argument("--images", type=int, default=20_000, help="most images in an epoch")
    found.add_argument("--networks", type=int, default=20, help="networks of each space")
    found.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    found.add_argument("--at-once", type=int, default=1, help="trainings at the same time")
    return found


def settings_of(given: argparse.Namespace) -> Settings:
    """Return how networks are trained by what was typed."""
    return Settings(
        images_at=given.images_at,
        epochs=given.epochs,
        images=given.images,
        device=given.device,
        unfinished=given.state.with_suffix(".unfinished"),
    )


def key_of(space: str, number: int, settings: Settings) -> str:
    """Return the name of a training among the results."""
    return f"{space}:{number}:{settings.epochs}x{settings.images}"


def main() -> None:
    """Train what is not yet in the file of results, then file them."""
    given = parser(STATE, RECIPES["proxy"].epochs).parse_args()
    settings = settings_of(given)
    splits = opened(settings)  # decoded before several processes would
    drawn = {name: networks(space, given.networks) for name, space in spaces().items()}
    runs = KeptRuns(given.state, given.at_once)
    runs.run(
        {
            (key := key_of(name, number, settings)): partial(trained, key, one, settings, settings.recipe())
            for number in range(given.networks)
            for name in drawn
            for one in [drawn[name][number]]
        }
    )
    lines: list[str] = []
    for name, found in drawn.items():
        keys = {key_of(name, number, settings): one for number, one in enumerate(found)}
        there = [key for key in keys if key in runs.found]
        lines += table(name, [keys[k] for k in there], [runs.found[k] for k in there], given.networks)
    file_result(
        given.state.stem,
        command=f"python -m tests.benchmarks.int8_ranking --epochs {given.epochs} --images {given.images} "
        f"--networks {given.networks}",
        seed="0",
        lines=[
            f"Networks within {BUDGET}, drawn uniformly, trained for {given.epochs} epochs of "
            f"{given.images:,} images and evaluated on {len(splits.validation):,} validation images, in fp32 "
            "and in int8.",
            *lines,
        ],
    )


if __name__ == "__main__":
    main()
