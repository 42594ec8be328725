"""What a search gains by valuing networks in int8, where it is asked for a budget of int8, on CIFAR-10.

Each search values its networks by their int8 form. Of its trials, that of the best int8 accuracy is compared
with that of the best fp32 accuracy, which a search blind to int8 would choose: both in int8, on the test
images, with the weights of their trials. Each search is stored as it ends, and goes on from its study where
it was interrupted.

    .venv/bin/python -m tests.benchmarks.int8_searches --at-once 2
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import yaml

import nas
import search_spaces
from dashboards.result import TrialResult
from search_spaces.space_record import space_digest, to_record
from tests.benchmarks.filing import file_result
from tests.benchmarks.int8_ranking import BUDGET, IMAGES, spaces, tau
from tests.benchmarks.kept_runs import KeptRuns
from tests.benchmarks.truth_searches import train_here
from tests.benchmarks.truth_table import paired
from trials.datasets import open_images
from trials.recipes import load_recipe
from trials.training.file_names import WEIGHTS
from trials.training.final_test import final_int8_values

STATE: Final = Path(__file__).parent / "results" / "int8_searches.json"
PEAK: Final = "256KiB-peak@int8"
SEEDS: Final = (0, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all searches have in common.

    Attributes:
        images_at: Folder of CIFAR-10 as Parquet.
        images: Images in an epoch of a trial.
        trials: Networks that a search trains.
        folder: Folder of databases, checkpoints and decoded images.
        recipe: File of the recipe of the trials.
    """

    images_at: str
    images: int
    trials: int
    folder: Path
    recipe: str


def searched(space: str, place: str, seed: int, settings: Settings) -> dict[str, Any]:
    """Return what the trials of a search reached, and its choice by either form with its int8 test accuracy.

    Args:
        space: Name of the space.
        place: Its name in the catalog, or its file.
        seed: Seed of the search.
        settings: What all searches have in common.
    """
    torch.set_num_threads(1)
    train_here()
    name, folder = f"{space}-{seed}-{settings.images}", settings.folder / f"nas-runs-{seed}"
    result = nas.search(
        [PEAK, BUDGET],
        space=place,
        data=settings.images_at,
        trials=settings.trials,
        study=name,
        storage=f"sqlite:///{settings.folder / f'{name}.db'}",
        storage_path=str(folder),
        recipe=settings.recipe,
        seed=seed,
        keep_checkpoints=settings.trials,
    )
    if result.interrupted:
        raise SystemExit(f"The search {name} did not end: run the same command again.")
    ended = [network for network in result.networks if network.int8_drop is not None]
    by = {"int8": chosen(ended, "accuracy"), "fp32": chosen(ended, "fp32_accuracy")}
    tests: dict[int, list[float]] = {}
    for network in by.values():
        if network.trial not in tests:
            side = network.architecture.resolution
            splits = open_images(settings.images_at, seed=seed, cache=folder / "images", resolution=side)
            weights = folder / name / "trials" / f"{network.trial:05d}" / WEIGHTS
            found = final_int8_values(network.architecture, weights, splits, load_recipe(settings.recipe))
            tests[network.trial] = found["accuracy"]
    return {
        "trials": [[network.fp32_accuracy, network.accuracy] for network in ended],
        "chosen": {
            form: {
                "trial": network.trial,
                "fp32": network.fp32_accuracy,
                "int8": network.accuracy,
                "int8_test": tests[network.trial],
                "macs": network.costs["macs"],
            }
            for form, network in by.items()
        },
        "trained": result.trained,
    }


def settings_of(given: argparse.Namespace) -> Settings:
    """Return what was typed, after writing the recipe: before processes at once read it."""
    folder: Path = given.state.with_suffix(".unfinished").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / f"proxy-of-{given.images}.yaml"
    recipe.write_text(f"base: proxy\nname: {recipe.stem}\nepoch_images: {given.images}\n")
    return Settings(
        images_at=str(Path(given.images_at).resolve()),
        images=given.images,
        trials=given.trials,
        folder=folder,
        recipe=str(recipe),
    )


def space_named(space: str, folder: Path) -> str:
    """Return the name of one of the spaces of `int8_ranking`, or its file if the catalog has it otherwise."""
    of = spaces()[space]
    if space_digest(of) == space_digest(search_spaces.load(space)):
        return space
    path, record = folder / f"{space}.yaml", {**to_record(of), "options": dict(of.options)}
    path.write_text(yaml.safe_dump(json.loads(json.dumps(record)), sort_keys=False), encoding="utf-8")
    assert space_digest(search_spaces.load(str(path))) == space_digest(of)
    return str(path)


def chosen(networks: Sequence[TrialResult], by: str) -> TrialResult:
    """Return the network with the highest value in one field; of equal ones, that with fewer MACs."""
    return max(networks, key=lambda network: (getattr(network, by), -network.costs["macs"]))


def table(space: str, records: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """Return the searches of a space as lines of Markdown."""
    lines = [
        f"## {space}",
        "",
        "| seed | trained to the end | tau of int8 and fp32 | most lost by int8, points "
        "| chosen by int8: fp32, int8, int8 on test | chosen by fp32: fp32, int8, int8 on test "
        "| difference on test, points |",
        "| --- " * 7 + "|",
    ]
    differences: list[list[float]] = []
    for seed, record in records.items():
        fp32, int8 = (list(values) for values in zip(*record["trials"], strict=True))
        by = [record["chosen"][form] for form in ("int8", "fp32")]
        differences.append([one["int8_test"][0] for one in by])
        same = by[0]["trial"] == by[1]["trial"]
        cells = [f"{one['fp32']:.1%}, {one['int8']:.1%}, {one['int8_test'][0]:.2%}" for one in by]
        lost = 100 * float(np.max(np.subtract(fp32, int8)))
        apart = f"{100 * (differences[-1][0] - differences[-1][1]):+.2f}"
        lines.append(
            f"| {seed} | {len(fp32)} | {tau(fp32, int8)} | {lost:.1f} | "
            f"{cells[0]} | {'the same' if same else cells[1]} | {'0' if same else apart} |"
        )
    if len(differences) > 1:
        first, second = zip(*differences, strict=True)
        mean, half = paired(first, second)
        lines += [
            "",
            f"Chosen by int8 minus chosen by fp32, in int8 on the test images: {100 * mean:+.2f} points "
            f"± {100 * half:.2f} (95 %, paired, {len(differences)} seeds).",
        ]
    return [*lines, ""]


def main() -> None:
    """Search where that is not done yet, then file what there is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", type=Path, default=STATE, help="file of the results")
    parser.add_argument("--images-at", default=str(IMAGES), help="folder of CIFAR-10 as Parquet")
    parser.add_argument(
        "--images", type=int, default=5_000, help="images in one of the six epochs of a trial"
    )
    parser.add_argument("--trials", type=int, default=24, help="networks that each search trains")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--at-once", type=int, default=1, help="searches at the same time")
    given = parser.parse_args()
    settings = settings_of(given)
    places = {space: space_named(space, settings.folder) for space in spaces()}
    keys = {
        f"{space}/{seed}/{given.trials}x{given.images}": (space, seed)
        for seed in given.seeds
        for space in places
    }
    runs = KeptRuns(given.state, given.at_once)
    runs.run(
        {key: partial(searched, space, places[space], seed, settings) for key, (space, seed) in keys.items()}
    )
    lines = [
        line
        for space in spaces()
        for line in table(space, {seed: runs.found[key] for key, (of, seed) in keys.items() if of == space})
    ]
    file_result(
        given.state.stem,
        command=f"python -m tests.benchmarks.int8_searches --images {given.images} --trials {given.trials}",
        seed=", ".join(map(str, given.seeds)),
        lines=[
            f"Searches of {given.trials} networks at {PEAK} and {BUDGET}, trained for six epochs of "
            f"{given.images:,} images, the better half of them past the first. Accuracies are of 5,000 "
            "validation images; those on test are of 10,000 other ones, standard error .5 points.",
            "",
            *lines,
        ],
    )


if __name__ == "__main__":
    main()
