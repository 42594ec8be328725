"""Encodes points of a search space as rows of levels, draws them and lists their neighbours."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from numbers import Real
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nas.bayesopt.column import Column
from nas.bayesopt.problem import Params

Rows = NDArray[np.float64]
"""Points as levels, ``[n, d]``; see `nas.bayesopt.column`."""


_NEAR: Final = 0.02  # largest difference of two near positions on a smooth scale


class Grid:
    """All points of a search space, feasible or not.

    Args:
        distributions: Distribution of each parameter by name, in any order.
        pins: Levels by name of parameters that keep one level in every point made here.
    """

    def __init__(
        self, distributions: Mapping[str, BaseDistribution], pins: Mapping[str, float] | None = None
    ) -> None:
        names = sorted(distributions, key=_natural)
        self.columns: Final = tuple(Column.of(name, distributions[name]) for name in names)
        self._pins: Final = {j: pins[name] for j, name in enumerate(names) if pins and name in pins}
        self._free: Final = [j for j in range(len(names)) if j not in self._pins]

    @cached_property
    def _sum(self) -> int:
        """Tells this space from others."""
        return crc32(repr([(column.name, column.distribution) for column in self.columns]).encode())

    @property
    def size(self) -> float:
        """Number of points; infinite if a parameter is continuous."""
        free = [self.columns[j].levels for j in self._free]
        return math.prod(float(levels) if levels else math.inf for levels in free)

    def encode(self, points: Sequence[Params]) -> Rows:
        """Return the rows of `points`, ``[n, d]``."""
        rows = [[column.level(point[column.name]) for column in self.columns] for point in points]
        return np.array(rows, dtype=np.float64).reshape(len(points), len(self.columns))

    def decode(self, rows: Rows) -> list[dict[str, Any]]:
        """Return the points of `rows`."""
        names = [column.name for column in self.columns]
        values = [c.values(levels) for c, levels in zip(self.columns, rows.T, strict=True)]
        return [dict(zip(names, point, strict=True)) for point in zip(*values, strict=True)]

    def announcement(self, row: NDArray[np.float64]) -> list[float]:
        """Return a row as other workers may read it, ``[d + 1]``: its levels, and which space they are of."""
        return [*row.tolist(), float(self._sum)]

    def announced(self, levels: Sequence[float] | None) -> NDArray[np.float64] | None:
        """Return the row of an announcement, ``[d]``; None without one, or if it is of another space.

        Earlier versions announced levels alone: they are read if each is a level of its parameter.
        """
        d = len(self.columns)
        if levels is None or not (len(levels) == d or (len(levels) == d + 1 and levels[d] == self._sum)):
            return None
        row = np.array(levels[:d], dtype=np.float64)
        highest = np.array([column.levels - 1 if column.levels else 1 for column in self.columns])
        return row if ((row >= 0) & (row <= highest)).all() else None

    def holds(self, distributions: Mapping[str, BaseDistribution], point: Params) -> bool:
        """Return whether a trial's `point`, drawn from `distributions`, lies in the space."""
        for column in self.columns:
            if column.name not in point:
                return False
            theirs, ours = distributions[column.name], column.distribution
            if isinstance(ours, CategoricalDistribution) != isinstance(theirs, CategoricalDistribution):
                return False
            value = point[column.name]
            if isinstance(ours, CategoricalDistribution):
                if not any(_same(choice, value) for choice in ours.choices):
                    return False
            elif not _allows(ours, value):
                return False
        return True

    def contains(self, point: Params) -> bool:
        """Return whether a `point` of unknown distributions has all parameters, each within its range."""
        return all(
            column.name in point and _allows(column.distribution, point[column.name])
            for column in self.columns
        )

    def draw(self, rng: np.random.Generator, n: int) -> Rows:
        """Return `n` points drawn independently, ``[n, d]``."""
        return self._kept(np.stack([column.draw(rng, n) for column in self.columns], axis=1))

    def everything(self) -> Rows:
        """Return every point of a discrete space, ``[size, d]``."""
        free = [self.columns[j].levels for j in self._free]
        rows = np.zeros((math.prod(free), len(self.columns)))
        if free:
            rows[:, self._free] = np.indices(free).reshape(len(free), -1).T
        return self._kept(rows)

    def weights(self, rows: Rows) -> NDArray[np.float64] | None:
        """Return how probable each of `rows` is in a draw, ``[n]``, in sum 1; None if all equally."""
        logarithmic = [j for j in self._free if getattr(self.columns[j].distribution, "log", False)]
        if not logarithmic:
            return None
        weights = np.prod([self.columns[j].weights(rows[:, j]) for j in logarithmic], axis=0)
        return np.asarray(weights / weights.sum())

    def changed(self, rng: np.random.Generator, rows: Rows, rate: float) -> Rows:
        """Return mutants of `rows`: each parameter is redrawn at `rate`, and at least one is."""
        rows = rows.copy()
        n, d = rows.shape
        redrawn = rng.random((n, d)) < rate
        if self._free:
            redrawn[np.arange(n), np.array(self._free)[rng.integers(0, len(self._free), n)]] = True
        for j in self._free:
            chosen = np.flatnonzero(redrawn[:, j])
            rows[chosen, j] = self.columns[j].moved(rng, rows[chosen, j])
        return self._kept(rows)

    def neighbours(self, rng: np.random.Generator, row: NDArray[np.float64]) -> Rows:
        """Return the points that differ from `row` in one parameter.

        All other values of a parameter of up to 9 levels; else both adjacent levels and 6 drawn ones.
        """
        found = [row[None, :][:0]]
        for j in self._free:
            column = self.columns[j]
            if 0 < column.levels <= 9:
                values = np.delete(np.arange(column.levels, dtype=np.float64), round(row[j]))
            else:
                drawn = column.moved(rng, np.full(6, row[j]))
                near = column.adjacent(row[j]) if column.ordered else drawn
                values = np.unique(np.concatenate([near, drawn]))
                values = values[values != row[j]]
            changed = np.repeat(row[None], len(values), axis=0)
            changed[:, j] = values
            found.append(changed)
        return self._kept(np.concatenate(found))

    def has_near(self, row: NDArray[np.float64], others: Rows) -> bool:
        """Return whether one of `others` is `row`, or differs from it by a little in smooth parameters."""
        far = np.zeros(len(others), dtype=bool)
        for column, level, levels in zip(self.columns, row, others.T, strict=True):
            if column.smooth:
                far |= np.abs(column.positions(levels) - column.positions(np.array([level]))) > _NEAR
            else:
                far |= levels != level
        return bool((~far).any())

    def _kept(self, rows: Rows) -> Rows:
        """Return `rows` with the levels of pinned parameters."""
        for j, level in self._pins.items():
            rows[:, j] = level
        return rows


def _natural(name: str) -> tuple[tuple[str, int], ...]:
    """Return a sort key that orders ``layer2`` before ``layer10``."""
    parts = re.findall(r"(\D*)(\d*)", name)
    return tuple((text, int(digits or -1)) for text, digits in parts)


def _allows(distribution: BaseDistribution, value: Any) -> bool:
    """Return whether any value is one of a distribution's."""
    if isinstance(distribution, CategoricalDistribution):
        return any(choice == value or _same(choice, value) for choice in distribution.choices)
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and _contains(distribution, float(value))


def _contains(distribution: BaseDistribution, number: float) -> bool:
    """Return whether a number lies in the range and on the steps of an int or float distribution."""
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    if not distribution.low <= number <= distribution.high:
        return False
    steps = 0.0 if distribution.step is None else (number - distribution.low) / distribution.step
    return abs(steps - round(steps)) < 1e-8


def _same(a: Any, b: Any) -> bool:
    """Return whether two values are one choice: equal numbers whatever their types, but no bool is one."""
    if isinstance(a, bool | np.bool_) != isinstance(b, bool | np.bool_):
        return False
    return bool(a == b or (a != a and b != b))  # noqa: PLR0124
