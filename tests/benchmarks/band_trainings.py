"""Trains networks of one band of MACs on CIFAR-10: what cheaper values are judged by, and such values.

Run ``python -m tests.benchmarks.band_trainings STATE.json [--device cuda --at-once N --batch-size B]``. The
networks are drawn uniformly from the space `hybrid_small_1` at 4M to 5M MACs, and every recipe was fixed
before the first of them was trained. STATE holds the settings and each finished training; with checkpoints in
``--folder``, the command goes on where it was interrupted. It needs neither Ray nor Optuna. What the values
are worth is said by `band_agreement.py`.

Kinds of trainings, in the order in which they are run:

* ``long``: 300,000 images, two seeds;
* ``proxy``: the recipe of a search, one seed of its own;
* ``short``: the recipe of a search with other ``epochs`` and ``epoch_images``, same seed; nothing else
  varies. A value after each epoch is kept, so that any rung of a search can be read from them.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.space_record import space_digest
from tests.benchmarks.cifar10 import CLASSES, IMAGES, cifar_recipe
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.truth_trainings import Place, Training, trained
from trials.recipes import recipe_editions
from trials.training.recipe import Recipe

State = dict[str, Any]

SPACE, LOW_MACS, HIGH_MACS, NETWORKS = "hybrid_small_1", 4_000_000, 5_000_000, 40
KINDS: Final = ("long", "proxy", "short")
PROXY: Final = next(recipe_editions("proxy"))
"""The recipe of a search when these trainings were fixed: six epochs of at most 20,000 images."""
LONG_SEEDS: Final = (0, 1)
SHORT_SEED: Final = 100
SHORT: Final = ((3, 20_000), (6, 10_000), (3, 10_000), (6, 5_000), (12, 10_000), (3, 40_000))
"""Epochs and images of each of the recipes that vary the proxy, which has 6 of 20,000."""
_BATCH, _RATE = 64, 2e-3


def long_recipe(batch_size: int = _BATCH) -> Recipe:
    """Return the recipe of the long trainings, 300,000 images.

    Args:
        batch_size: Images of a step; the rate grows with its root.
    """
    return cifar_recipe("long", 10, 30_000, _RATE * (batch_size / _BATCH) ** 0.5, batch_size)


def short_recipe(epochs: int, epoch_images: int) -> Recipe:
    """Return the proxy with other epochs."""
    fields = {"name": f"short-{epochs}x{epoch_images}", "epochs": epochs, "epoch_images": epoch_images}
    return Recipe.from_json({**PROXY.to_json(), **fields, "rungs": [epochs]})


def recipes(batch_size: int) -> dict[str, dict[str, Recipe]]:
    """Return the recipes of each kind by their names."""
    short = [short_recipe(*sizes) for sizes in SHORT]
    return {
        "long": {"long": long_recipe(batch_size)},
        "proxy": {PROXY.name: PROXY},
        "short": {recipe.name: recipe for recipe in short},
    }


def networks(count: int = NETWORKS) -> list[Architecture]:
    """Return networks of the band, the first ones the same at every call."""
    space, rng = search_spaces.load(SPACE), np.random.default_rng(0)
    budget = search_spaces.Budget.parse("5M-MACs")
    found: dict[Architecture, None] = {}
    while len(found) < count:
        drawn = space.sample(rng, budgets=[budget], num_classes=CLASSES)
        if search_spaces.count(drawn, num_classes=CLASSES).macs >= LOW_MACS:
            found[drawn] = None
    return list(found)


def trainings(kind: str, count: int, batch_size: int) -> Iterator[Training]:
    """Yield the trainings of a kind, all of one network before the next, of short ones all of one recipe."""
    found = networks(count)
    for name, recipe in recipes(batch_size)[kind].items():
        for number, network in enumerate(found):
            for seed in LONG_SEEDS if kind == "long" else (SHORT_SEED,):
                yield Training(key=f"{name}/{seed}/{number}", network=network, recipe=recipe, seed=seed)


def settings(batch_size: int) -> dict[str, Any]:
    """Return what all trainings in one state have in common."""
    return {
        "space": SPACE,
        "space_digest": space_digest(search_spaces.load(SPACE)),
        "macs": [LOW_MACS, HIGH_MACS],
        "batch_size": batch_size,
        "recipes": {
            name: recipe.identity()
            for of_kind in recipes(batch_size).values()
            for name, recipe in of_kind.items()
        },
    }


def begun(path: Path, expected: dict[str, Any]) -> State:
    """Return the state in a file, an empty one where there is none; refuses one of other settings."""
    fresh = {"settings": json.loads(json.dumps(expected)), "trainings": {}}
    state: State = json.loads(path.read_text(encoding="utf-8")) if path.exists() else fresh
    other = [name for name, value in fresh["settings"].items() if state["settings"].get(name) != value]
    if other:
        raise SystemExit(
            f"{path} was begun with another {', '.join(other)}: expected "
            f"{json.dumps(fresh['settings'][other[0]])}, found "
            f"{json.dumps(state['settings'].get(other[0]))}. Name a new file."
        )
    return state


def add_place(parser: argparse.ArgumentParser, *, at_once: str) -> None:
    """Add the arguments that say where a command trains.

    Args:
        parser: Its parser, which has a ``state`` already.
        at_once: What runs at the same time.
    """
    parser.add_argument("--networks", type=int, default=NETWORKS, help="networks of the band")
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder of CIFAR-10 as Parquet")
    parser.add_argument("--folder", type=Path, help="of decoded images and checkpoints")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--at-once", type=int, default=1, help=f"{at_once} at the same time")


def place_of(given: argparse.Namespace) -> Place:
    """Return where a command trains."""
    folder = (given.folder or given.state.with_suffix("")).resolve()
    return Place(images=str(given.images), folder=folder, device=given.device, at_once=given.at_once)


def main() -> None:
    """Train what is not yet in the state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path, help="file of settings and results")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    add_place(parser, at_once="trainings")
    parser.add_argument("--batch-size", type=int, default=_BATCH, help="of the long trainings")
    given = parser.parse_args()
    state = begun(given.state, settings(given.batch_size))
    place = place_of(given)
    todo = [
        training
        for kind in given.kinds
        for training in trainings(kind, given.networks, given.batch_size)
        if training.key not in state["trainings"]
    ]
    for key, result in trained(todo, place):
        state["trainings"][key] = result
        kept(given.state, state)
        left = sum(training.key not in state["trainings"] for training in todo)
        sys.stderr.write(f"{key}: {result['test']:.3f}, {result['seconds']:.0f} s, {left} left\n")


if __name__ == "__main__":
    main()
