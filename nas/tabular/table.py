"""Reads tables of trained networks (``nas-table``, NAS-Bench-Macro) and makes search tasks of them.

The format, ``nas-table`` version 1, is one JSON object::

    {"format": "nas-table", "version": 1, "name": "toy", "direction": "maximize",
     "parameters": {"depth": [1, 2, 3], "mixer": ["conv", "attention"]},
     "rows": [{"point": [1, "conv"], "values": [91.2, 91.5], "costs": {"macs": 12000000},
               "counts": {"blocks": 3}}, ...]}

`parameters` names each parameter and its values, which are texts, numbers, booleans or null, and each
combination of them stands in one row; `point` gives one value of each, in that order; `values` holds one
number for each training of that network; `costs` are known without training, and so are `counts`, which may
be left out. Logarithms of the costs, and the counts, are evidence for a sampler.
The JSON file of NAS-Bench-Macro (Su et al., 2021, https://arxiv.org/abs/2103.11922) is read as it
is: eight layers of three choices, ``test_acc`` for three seeds, ``flops`` (which are MACs), params.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

from nas.bayesopt.counts import count_sources
from nas.bayesopt.problem import Params, Source
from nas.tabular.task import Task
from search_spaces.errors import DataError, NothingFitsError, reason_of

_PUBLISHED: Final = "https://github.com/xiusu/NAS-Bench-Macro"

_IDENTITY: Final = "0"  # a layer of NAS-Bench-Macro that does nothing
_MACRO_STAGES: Final = (2, 3, 3)  # its layers by stage: each begins where the resolution is halved


@dataclass(frozen=True)
class Table:
    """Every network of a space with its values after training.

    Attributes:
        name: Name in reports.
        parameters: Values of each parameter by name.
        points: Index of the value of each parameter, ``[n, d]``.
        values: Value of each training of a network, ``[n, trainings]``, higher is better; NaN where a
            network was trained fewer times.
        costs: Costs of all networks by name, ``[n]``.
        counts: Other facts of all networks by name, ``[n]``.
    """

    name: str
    parameters: dict[str, tuple[Any, ...]]
    points: NDArray[np.int64]
    values: NDArray[np.float64]
    costs: dict[str, NDArray[np.float64]]
    counts: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @cached_property
    def evidence(self) -> tuple[Source, ...]:
        """What is known of networks without training: logarithms of costs, and counts."""
        positive = {f"log_{name}": cost for name, cost in self.costs.items() if (cost > 0).all()}
        known = {**{name: np.log(cost) for name, cost in positive.items()}, **self.counts}

        def table(points: Sequence[Params]) -> dict[str, NDArray[np.float64]]:
            rows = [self.row(point) for point in points]
            return {name: column[rows] for name, column in known.items()}

        return count_sources(list(known), table, [n for n, v in self.parameters.items() if len(v) > 1])

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """Mean value of each network, ``[n]``."""
        return np.asarray(np.nanmean(self.values, axis=1))

    @cached_property
    def _index(self) -> dict[tuple[Any, ...], int]:
        choices = list(self.parameters.values())
        return {
            tuple(values[i] for values, i in zip(choices, point, strict=True)): n
            for n, point in enumerate(self.points.tolist())
        }

    def row(self, point: Params) -> int:
        """Return the row of `point`."""
        return self._index[tuple(point[name] for name in self.parameters)]

    def task(self, budget: float | None = None, cost: str = "macs") -> Task:
        """Return the search for the best network of at most `budget` of `cost`.

        Raises:
            DataError: if the table has no such cost.
            NothingFitsError: if no network is that cheap.
        """
        distributions: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(values) for name, values in self.parameters.items()
        }
        if budget is None:
            feasible, known = np.ones(len(self.means), dtype=np.bool_), None
        else:
            if cost not in self.costs:
                names = ", ".join(sorted(self.costs)) or "none"
                raise DataError(f"Table '{self.name}' has no cost '{cost}': expected {names}.")
            costs = self.costs[cost]
            feasible = costs <= budget

            def known(points: Sequence[Params]) -> NDArray[np.float64]:
                return np.array([[costs[self.row(p)] - budget] for p in points])

            if not feasible.any():
                raise NothingFitsError(
                    f"No network of '{self.name}' fits {budget:g} {cost}: "
                    f"the smallest needs {costs.min():g}. Raise the budget."
                )

        def observe(point: Params, rng: np.random.Generator) -> float:
            trained = self.values[self.row(point)]
            return float(rng.choice(trained[np.isfinite(trained)]))

        return Task(
            name=f"{self.name} {_short(budget)}{cost}" if budget else f"{self.name} unbounded",
            distributions=distributions,
            truth=lambda point: float(self.means[self.row(point)]),
            observe=observe,
            best=float(self.means[feasible].max()),
            worst=float(self.means[feasible].min()),
            known_constraints_batch=known,
            evidence=self.evidence,
        )


def load(path: Path) -> Table:
    """Return the table in a file, a ``nas-table`` or the file of NAS-Bench-Macro.

    Raises:
        DataError: if the file cannot be read as either, or not each combination of values stands once in it.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"Cannot read the table '{path}': {reason_of(error)}. Expected a nas-table, or the JSON file of "
            f"NAS-Bench-Macro, which is published at {_PUBLISHED}."
        ) from error
    try:
        table = _ours(content) if content.get("format") == "nas-table" else _macro(content, path.stem)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"Cannot read the table '{path}': {type(error).__name__} {error}. Expected a nas-table "
            f"of version 1, or the JSON file of NAS-Bench-Macro."
        ) from error
    _check_complete(path, table)
    return table


def _check_complete(path: Path, table: Table) -> None:
    """Raise unless each combination of values stands once in a table: a search may ask for any of them.

    Raises:
        DataError: names the first that is missing or stands twice, and says how many are or do.
    """
    shape = tuple(map(len, table.parameters.values()))
    counts = Counter(map(tuple, table.points.tolist()))
    combinations = math.prod(shape)
    expected = f"expected one row for each of the {combinations:,} combinations of its parameters"
    twice = [point for point, times in counts.items() if times > 1]
    unknown = table.points[~np.isfinite(table.values).any(axis=1)]
    if len(unknown):
        network = _in_words(table, tuple(unknown[0].tolist()))
        raise DataError(
            f"Cannot use the table '{path}': {network} has no value that is a number, expected one in each "
            f"row."
        )
    if twice:
        more = f" and {len(twice) - 1:,} more points stand" if len(twice) > 1 else " stands"
        raise DataError(
            f"Cannot use the table '{path}': {_in_words(table, twice[0])}{more} in several rows, {expected}. "
            f"Give all trainings of a network in one row."
        )
    missing = combinations - len(counts)
    if missing:
        first = next(point for point in itertools.product(*map(range, shape)) if point not in counts)
        raise DataError(
            f"Cannot use the table '{path}': it misses {missing:,} points, such as "
            f"{_in_words(table, first)}; {expected}. Add their rows, or leave out the values without them."
        )


def _in_words(table: Table, point: tuple[int, ...]) -> str:
    """Return a point, given by the index of each value, as a message names it."""
    return ", ".join(
        f"{name} {values[i]}" for (name, values), i in zip(table.parameters.items(), point, strict=True)
    )


def _ours(content: dict[str, Any]) -> Table:
    if content["version"] != 1:
        raise ValueError(f"version {content['version']}")
    sign = {"maximize": 1.0, "minimize": -1.0}[content.get("direction", "maximize")]
    parameters = {name: tuple(values) for name, values in content["parameters"].items()}
    for name, offered in parameters.items():
        for value in offered:
            if not isinstance(value, str | int | float | None):  # a bool is an int
                raise TypeError(f"parameter '{name}' has the value {value}, expected text or numbers")
    rows = content["rows"]
    trainings = max(len(row["values"]) for row in rows)
    values = np.full((len(rows), trainings), np.nan)
    for i, row in enumerate(rows):
        values[i, : len(row["values"])] = sign * np.asarray(row["values"], dtype=np.float64)
    return Table(
        content["name"],
        parameters,
        np.array(
            [[v.index(x) for v, x in zip(parameters.values(), row["point"], strict=True)] for row in rows]
        ),
        values,
        {
            name: np.array([row["costs"][name] for row in rows], dtype=np.float64)
            for name in rows[0].get("costs", {})
        },
        {
            name: np.array([row["counts"][name] for row in rows], dtype=np.float64)
            for name in rows[0].get("counts", {})
        },
    )


def _macro(content: dict[str, Any], name: str) -> Table:
    keys = sorted(content)
    choices = tuple(sorted(set("".join(keys))))
    rows = [content[key] for key in keys]
    works = np.array([[letter != _IDENTITY for letter in key] for key in keys], dtype=np.float64)
    ends = np.cumsum(_MACRO_STAGES)
    stages = np.split(works, ends[:-1], axis=1) if works.shape[1] == ends[-1] else []
    return Table(
        name,
        {f"layer{i}": choices for i in range(len(keys[0]))},
        np.array([[choices.index(letter) for letter in key] for key in keys]),
        np.array([row["test_acc"] for row in rows], dtype=np.float64),
        {
            "macs": np.array([row["flops"] for row in rows], dtype=np.float64),
            "params": np.array([row["params"] for row in rows], dtype=np.float64),
        },
        {
            "blocks": works.sum(axis=1),
            **{f"stage{s}.blocks": stage.sum(axis=1) for s, stage in enumerate(stages, 1)},
        },
    )


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}-"
    return f"{number:g}-"
