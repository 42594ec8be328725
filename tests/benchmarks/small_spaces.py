"""What spaces for small images hold within small budgets, and how random networks of them train on CIFAR-10.

Run ``python -m tests.benchmarks.small_spaces [--networks N]``. Networks are drawn uniformly among those of a
space that use at least seven eighths of the budget, and trained on 60,000 images by one recipe that was fixed
before the first of them; beside them stands the network that a search in the space begins with. Each finished
training is stored at once, and the command goes on where it was interrupted.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

import search_spaces
from nas.orchestration.starting_networks import starting_networks
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.pricing import prices
from search_spaces.sampling import share_that_fits
from tests.benchmarks.cifar10 import CLASSES, SIDE, cifar_recipe
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.truth_table import welch
from tests.benchmarks.truth_trainings import Training, place_asked_for, trained_and_kept, where_trained

NAME: Final = "small_spaces"
SPACES: Final = ("hybrid_small_1", "hybrid_small", "mobile_small_1", "mobile_small")
COMPARED: Final = (
    ("hybrid_small", "hybrid_small_1"),
    ("mobile_small", "mobile_small_1"),
    ("mobile_small", "hybrid_small"),
)
BUDGET: Final = Budget.parse("4M-MACs")
BUDGETS: Final = ("2M-MACs", "3M-MACs", "4M-MACs", "5M-MACs", "12M-MACs", "20M-MACs", "60M-MACs")
LEAST: Final = 0.875
RECIPE: Final = cifar_recipe("spaces", 3, 20_000, 2e-3, 64)
STATE: Final = RESULTS / f"{NAME}.json"


def drawn(name: str, count: int) -> list[Architecture]:
    """Return networks of a space near the budget, the same at every call."""
    space, rng = search_spaces.load(name), np.random.default_rng(1)
    found: dict[Architecture, None] = {}
    while len(found) < count:
        network = space.sample(rng, budgets=[BUDGET], num_classes=CLASSES)
        if search_spaces.count(network, num_classes=CLASSES, deploy=True).macs >= LEAST * BUDGET.limit:
            found[network] = None
    return list(found)


def trainings(count: int) -> Iterator[Training]:
    """Yield the trainings: the networks that searches begin with, then one of each space in turn."""
    for space in map(search_spaces.load, SPACES):
        table = prices(space.codes, num_classes=CLASSES)
        for name, network in starting_networks(space, table, [BUDGET], "factor_gp", SIDE).items():
            key = f"begins with/{name} in {space.name}"
            yield Training(key=key, network=network, recipe=RECIPE, seed=0)
    networks = {name: drawn(name, count) for name in SPACES}
    for number in range(count):
        for name in SPACES:
            key = f"{name}/{number}"
            yield Training(key=key, network=networks[name][number], recipe=RECIPE, seed=0)


def lines_of(state: dict[str, Any]) -> list[str]:
    """Return what the spaces hold, and the trainings so far."""
    lines = [
        "Share of each space that fits, 10 classes, colour:",
        "",
        "| budget | " + " | ".join(SPACES) + " |",
    ]
    lines.append("| --- " * (1 + len(SPACES)) + "|")
    tables = {name: prices(search_spaces.load(name).codes, num_classes=CLASSES) for name in SPACES}
    for text in BUDGETS:
        budgets = [Budget.parse(text)]
        shares = [share_that_fits(table, np.random.default_rng(0), budgets) for table in tables.values()]
        lines.append(f"| {text} | " + " | ".join(f"{share:.2%}" for share in shares) + " |")
    sides = {name: sorted({network.resolution for network in drawn(name, 20)}) for name in SPACES}
    lines += [
        "",
        *(f"Sides of 20 networks of {n} near {BUDGET}: {', '.join(map(str, s))}." for n, s in sides.items()),
    ]
    lines += [
        "",
        f"Networks near {BUDGET}, {RECIPE.epochs} x {RECIPE.epoch_images:,} images of CIFAR-10:",
        "",
    ]
    lines += ["| network | test | side | MACs | params | blocks |", "| --- " * 6 + "|"]
    for key, found in sorted(state.items()):
        network, costs = found["network"], found["costs"]
        blocks = sum(stage["depth"] for stage in network["stages"])
        lines.append(
            f"| {key} | {found['test']:.1%} | {network['resolution']} | {costs['macs'] / 1e6:.2f}M "
            f"| {costs['params'] / 1e3:.0f}k | {blocks} |"
        )
    tests = {n: [v["test"] for k, v in state.items() if k.startswith(f"{n}/")] for n in SPACES}
    for name, other in COMPARED:
        if len(tests[name]) > 1 and len(tests[other]) > 1:
            difference, half = welch(tests[name], tests[other])
            said = f"{100 * difference:+.1f} points ± {100 * half:.1f} (95 % interval over networks)"
            lines += ["", f"Mean of {name} minus that of {other}: {said}."]
    return [*lines, "", where_trained(state)]


def main() -> None:
    """Train what is not yet in the file of results, then file the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=12, help="networks of each space")
    parser.add_argument("--most", type=int, default=None, help="trainings of this run; by default all")
    given, place = place_asked_for(parser, NAME)
    state = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
    left = [training for training in trainings(given.networks) if training.key not in state]
    state = trained_and_kept(left[: given.most], place, STATE)
    file_result(NAME, command=f"python -m tests.benchmarks.{NAME}", seed=0, lines=lines_of(state))


if __name__ == "__main__":
    main()
