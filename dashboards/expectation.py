"""Data classes of networks that trained ones let expect, without training: `ExpectedNetwork`, `Expectations`.

Nothing here was measured but costs, which are exact. Values are in [0, 1].
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

from search_spaces.architecture import Architecture
from search_spaces.costs import column_of, cost_names

VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedNetwork:
    """A network and what a study lets expect of it.

    Attributes:
        budget: Budgets that it meets, as written, several joined by ``and``.
        architecture: Architecture of the network.
        costs: Its costs by name, exact.
        mean: Expected value after a training by the study's recipe.
        low: Lower end of the 90 % interval of its true value, which a single training scatters around.
        high: Upper end of the 90 % interval.
        trial: Number of the study's trial that trained it; None if it was never trained.
        warning: Why the study does not support the expectation, in words; None if it does.
        study: Study of that trial, where networks of several are the ground; None for the only one.
    """

    budget: str
    architecture: Architecture
    costs: dict[str, int]
    mean: float
    low: float
    high: float
    trial: int | None
    warning: str | None
    study: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them; values are named as expected ones."""
        return {
            "budget": self.budget,
            "expected": {"mean": self.mean, "low": self.low, "high": self.high, "interval": 0.9},
            "costs": self.costs,
            "trial": self.trial,
            "warning": self.warning,
            **({} if self.study is None else {"study": self.study}),
            "architecture": json.loads(self.architecture.to_json()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """The networks that a study lets expect best within budgets.

    Attributes:
        study: Name of the study.
        space: Name of its search space.
        data: Images that the values are of.
        recipe: Name of the recipe that the values are of.
        metric: Metric of the values.
        trained: Number of trained networks that they are based on.
        verdict: How well networks of the study are predicted from the others, in a sentence.
        networks: Best first for each budget.
    """

    study: str
    space: str
    data: str
    recipe: str
    metric: str
    trained: int
    verdict: str
    networks: tuple[ExpectedNetwork, ...]

    @property
    def best(self) -> tuple[ExpectedNetwork, ...]:
        """The network expected best within each budget."""
        first = {network.budget: network for network in reversed(self.networks)}
        return tuple(sorted(first.values(), key=self.networks.index))

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version, as ``--json`` prints them."""
        plain = ("study", "space", "data", "recipe", "metric", "trained", "verdict")
        return {
            "version": VERSION,
            "measured": False,
            **{name: getattr(self, name) for name in plain},
            "networks": [network.to_json() for network in self.networks],
        }


def write_csv(networks: Sequence[ExpectedNetwork], file: TextIO) -> None:
    """Write a header and one line for each network, in the given order.

    Args:
        networks: Networks to write.
        file: Text file, opened for writing with ``newline=""``.
    """
    table = csv.writer(file, lineterminator="\n")
    costs = cost_names()
    names = ("budget", "expected", "expected_low_90", "expected_high_90", "trial", "warning")
    table.writerow([*names, *map(column_of, costs), "architecture"])
    for n in networks:
        row = [n.budget, n.mean, n.low, n.high, n.trial, n.warning]
        table.writerow([*row, *(n.costs[name] for name in costs), n.architecture.to_json()])
