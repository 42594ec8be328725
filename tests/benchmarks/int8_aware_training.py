"""What quantisation-aware training saves of what int8 costs, against as many epochs without it.

The networks are those of `int8_ranking` that lose more than a point by int8, or else the five that lose most;
run that first. Goes on where it was interrupted.

    .venv/bin/python -m tests.benchmarks.int8_aware_training --device cuda --at-once 4
"""

import json
import math
import statistics
from functools import partial
from pathlib import Path
from typing import Any, Final

from search_spaces.architecture import Architecture
from tests.benchmarks import int8_ranking
from tests.benchmarks.filing import file_result
from tests.benchmarks.int8_ranking import Settings, networks, opened, parser, settings_of, spaces, trained
from tests.benchmarks.kept_runs import KeptRuns

STATE: Final = Path(__file__).parent / "results" / "int8_aware_training.json"
SEEDS: Final = (0, 1, 2)
FROM: Final = 0.7
"""Share of the training after which it is fake-quantised."""

_EPOCHS: Final = 20
_LOSES: Final = 0.01
_MOST: Final = 5
_T: Final = 4.303  # of 95 % and two degrees of freedom


def chosen(ranked: dict[str, Any]) -> list[str]:
    """Return which trainings of `int8_ranking` lost most, the first one first."""
    drops = {key: one["fp32"] - one["int8"] for key, one in ranked.items()}
    ordered = sorted(drops, key=lambda key: (-drops[key], key))
    return [key for key in ordered if drops[key] > _LOSES] or ordered[:_MOST]


def named(key: str) -> Architecture:
    """Return the network of a training of `int8_ranking`."""
    space, number, _ = key.split(":")
    return networks(spaces()[space], int(number) + 1)[-1]


def run_key(key: str, share: float, seed: int, settings: Settings) -> str:
    """Return the name of a training among the results."""
    return f"{key}:{share:g}:{seed}:{settings.epochs}x{settings.images}"


def table(found: dict[str, Any], keys: list[str], settings: Settings) -> list[str]:
    """Return the drops with and without, and their difference with its interval over seeds, as Markdown."""
    lines = [
        "| network | fp32 with, without | drop without, points | drop with | "
        "int8 with - without, 95 % interval | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for key in keys:
        names = [[run_key(key, share, seed, settings) for share in (FROM, 1.0)] for seed in SEEDS]
        both = [[found[name] for name in pair] for pair in names if all(name in found for name in pair)]
        if not both:
            lines.append(f"| {key} | not measured | | | | 0 |")
            continue
        (aware, plain) = zip(*both, strict=True)
        means = [statistics.fmean(one["fp32"] for one in ones) for ones in (aware, plain)]
        drops = [100 * statistics.fmean(o["fp32"] - o["int8"] for o in ones) for ones in (aware, plain)]
        gains = [100 * (a["int8"] - p["int8"]) for a, p in both]
        spread = "unknown"
        if len(both) == len(SEEDS):
            spread = f"{_T * statistics.stdev(gains) / math.sqrt(len(gains)):.2f}"
        lines.append(
            f"| {key} | {means[0]:.2%}, {means[1]:.2%} | {drops[1]:.2f} | {drops[0]:.2f} | "
            f"{statistics.fmean(gains):+.2f} ± {spread} | {len(both)} |"
        )
    return lines


def main() -> None:
    """Train what is not yet in the file of results, then file them."""
    asked = parser(STATE, _EPOCHS)
    asked.add_argument("--ranking", type=Path, default=int8_ranking.STATE, help="results of int8_ranking")
    given = asked.parse_args()
    settings, keys = settings_of(given), chosen(json.loads(given.ranking.read_text()))[: given.networks]
    opened(settings)  # decoded before several processes would
    runs = KeptRuns(given.state, given.at_once)
    recipes = {share: settings.recipe(fake_quant_from=share) for share in (FROM, 1.0)}
    runs.run(
        {
            (name := run_key(key, share, seed, settings)): partial(
                trained, name, named(key), settings, recipes[share], seed
            )
            for seed in SEEDS
            for key in keys
            for share in recipes
        }
    )
    much = f"{given.epochs} epochs of {given.images:,} images"
    file_result(
        given.state.stem,
        command="python -m tests.benchmarks.int8_aware_training "
        f"--epochs {given.epochs} --images {given.images}",
        seed="0, 1 and 2",
        lines=[
            f"With fake quantisation in the last {1 - FROM:.0%} of {much}, and without.",
            "",
            *table(runs.found, keys, settings),
        ],
    )


if __name__ == "__main__":
    main()
