"""Trains every network of two small spaces on CIFAR-10: tables of true values for comparing samplers.

Run ``python -m tests.benchmarks.trained_tables [--space NAME] [--minutes N]``. Spaces and recipe were fixed
before the first training. Each finished training is kept in ``results/trained_NAME.json`` at once, and the
command goes on where it was interrupted. Once all networks of a space are trained it writes
``tables/NAME.json``, which ``nas bench`` reads.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from search_spaces.architecture import Option, options_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from tests.benchmarks.cifar10 import cifar_recipe
from tests.benchmarks.filing import RESULTS
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.truth_trainings import Place, Training, place_asked_for, trained

NAME: Final = "trained_tables"
TABLES: Final = Path(__file__).with_name("tables")
RECIPE: Final = cifar_recipe("table", 2, 6_000, 4e-3, 64)
KEPT: Final = ("test", "costs", "seconds", "device")
"""What is kept of a training."""
_PLAIN: Final[dict[str, tuple[Option, ...]]] = {"mixer": ("depthwise",), "kernel": (3,), "expansion": (2,)}
_FIRST: Final = StageSpace(channels=16, stride=2, options=_PLAIN)
_OPTIONS: Final = options_of({"stem_channels": 16, "stem_stride": 1, "head_channels": 0})
_MIXERS: Final = ("depthwise", "attention", "separable_attention", "partial_conv")

SPACES: Final = {
    "sizes": SearchSpace(
        name="sizes",
        resolution=(16, 24, 32),
        width=(0.5, 0.75, 1.0),
        options=_OPTIONS,
        stages=(
            _FIRST,
            StageSpace(channels=32, depth=(1, 2, 3), stride=2, options={**_PLAIN, "kernel": (3, 5)}),
            StageSpace(channels=64, depth=(1, 3), stride=2, options={**_PLAIN, "expansion": (2, 4)}),
        ),
    ),
    "mixers": SearchSpace(
        name="mixers",
        resolution=(24, 32),
        options=_OPTIONS,
        stages=(
            _FIRST,
            StageSpace(channels=24, stride=2, options={**_PLAIN, "mixer": _MIXERS}),
            StageSpace(channels=32, options={**_PLAIN, "mixer": _MIXERS, "mlp": ("plain", "conv_glu")}),
            StageSpace(channels=48, stride=2, options={**_PLAIN, "mixer": _MIXERS}),
        ),
    ),
}


def varied(space: SearchSpace) -> dict[str, tuple[Option, ...]]:
    """Return the values of each parameter that has several, by name."""
    return {choice.name: choice.values for choice in space.choices if len(choice.values) > 1}


def points(space: SearchSpace) -> Iterator[dict[str, Option]]:
    """Yield the parameters of each network of a space, the first parameter slowest."""
    values = varied(space)
    for point in itertools.product(*values.values()):
        yield dict(zip(values, point, strict=True))


def trainings_of(space: SearchSpace, seed: int) -> list[Training]:
    """Return the trainings of all networks of a space, by the words of their points."""
    fixed = {choice.name: choice.values[0] for choice in space.choices}
    return [
        Training(
            key=f"{' '.join(map(str, point.values()))}, seed {seed}",
            network=space.architecture(fixed | point),
            recipe=RECIPE,
            seed=seed,
        )
        for point in points(space)
    ]


def table_of(space: SearchSpace, found: Mapping[str, Any], seeds: int) -> dict[str, Any]:
    """Return the ``nas-table`` of a space: test accuracies in per cent, and what each network costs.

    Args:
        space: The space.
        found: Result of each training by its key.
        seeds: Trainings of each network.
    """
    runs = [[found[one.key] for one in trainings_of(space, seed)] for seed in range(seeds)]
    return {
        "format": "nas-table",
        "version": 1,
        "name": f"CIFAR-10 {space.name}",
        "direction": "maximize",
        "parameters": varied(space),
        "rows": [
            {
                "point": list(point.values()),
                "values": [round(100 * run["test"], 2) for run in row],
                "costs": {name: row[0]["costs"][name] for name in ("macs", "params")},
            }
            for point, *row in zip(points(space), *runs, strict=True)
        ],
    }


def train(name: str, place: Place, seeds: int, until: float) -> None:
    """Train the networks of a space for as long as there is time, and write the table once it is whole."""
    space, state = SPACES[name], RESULTS / f"trained_{name}.json"
    wanted = [one for seed in range(seeds) for one in trainings_of(space, seed)]
    found: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {}
    for key, result in trained([one for one in wanted if one.key not in found], place):
        found[key] = {fact: result[fact] for fact in KEPT}
        kept(state, found)
        sys.stderr.write(f"{key}: {result['test']:.1%}, {result['seconds']:.0f} s\n")
        if time.monotonic() > until:
            break
    if any(one.key not in found for one in wanted):
        return
    TABLES.mkdir(exist_ok=True)
    content = json.dumps(table_of(space, found, seeds), indent=None, separators=(",", ":"))
    (TABLES / f"{name}.json").write_text(content.replace('{"point"', '\n{"point"') + "\n", encoding="utf-8")


def main() -> None:
    """Train what is not yet in the files of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", choices=list(SPACES), action="append", help="by default all")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each network")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that time")
    given, place = place_asked_for(parser, NAME)
    until = time.monotonic() + 60 * given.minutes
    for name in given.space or SPACES:
        train(name, place, given.seeds, until)


if __name__ == "__main__":
    main()
