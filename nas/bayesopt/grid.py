"""Encodes points of a search space as rows of numbers, draws them and lists their neighbours.

The level of a discrete parameter is the index of its value, ``0 .. levels - 1``; that of a continuous
parameter is its position between its bounds, in [0, 1], on the scale of its distribution.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nas.bayesopt.problem import Params
from search_spaces.errors import SpaceError

Rows = NDArray[np.float64]
"""Points as levels, ``[n, d]``."""


@dataclass(frozen=True)
class Column:
    """One parameter of a grid.

    Attributes:
        name: Name of the parameter.
        distribution: Optuna distribution of the parameter.
        levels: Number of values; 0 for a continuous parameter.
        ordered: Whether its values are numbers rather than categories.
    """

    name: str
    distribution: BaseDistribution
    levels: int
    ordered: bool

    @classmethod
    def of(cls, name: str, distribution: BaseDistribution) -> "Column":
        """Return the column of one parameter.

        Raises:
            SpaceError: if the distribution is of an unknown class.
        """
        match distribution:
            case CategoricalDistribution():
                numbers = all(
                    isinstance(c, int | float) and not isinstance(c, bool) and math.isfinite(c)
                    for c in distribution.choices
                )
                return cls(name, distribution, len(distribution.choices), numbers)
            case IntDistribution():
                span = distribution.high - distribution.low
                return cls(name, distribution, span // distribution.step + 1, ordered=True)
            case FloatDistribution(step=None):
                return cls(name, distribution, 0, ordered=True)
            case FloatDistribution(step=float(width)):
                count = round((distribution.high - distribution.low) / width) + 1
                return cls(name, distribution, count, ordered=True)
        raise SpaceError(
            f"Cannot read the parameter '{name}': expected a categorical, int or float "
            f"distribution, not {distribution!r}."
        )

    def value(self, level: float) -> Any:
        """Return the parameter value at `level`."""
        return self.values(np.array([level]))[0]

    def values(self, levels: NDArray[np.float64]) -> list[Any]:
        """Return the parameter values at `levels`."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                return [choices[i] for i in np.rint(levels).astype(np.int64).tolist()]
            case IntDistribution(low=low, step=step):
                steps: list[int] = np.rint(levels).astype(np.int64).tolist()
                return [low + i * step for i in steps]
            case FloatDistribution(low=low, high=high, step=step, log=log):
                if step is not None:
                    numbers = low + np.rint(levels) * step
                elif log:
                    numbers = np.exp(np.log(low) + levels * (np.log(high) - np.log(low)))
                else:
                    numbers = low + levels * (high - low)
                found: list[Any] = np.clip(numbers, low, high).tolist()
                return found
        raise AssertionError(self.distribution)

    def level(self, value: Any) -> float:
        """Return the level of `value`."""
        match self.distribution:
            case CategoricalDistribution():
                return float(self.distribution.to_internal_repr(value))
            case IntDistribution(low=low, step=step):
                return float((int(value) - low) // step)
            case FloatDistribution(low=low, step=float(width)):
                return float(round((float(value) - low) / width))
            case FloatDistribution(low=low, high=high, log=log):
                if high == low:
                    return 0.0
                if log:
                    return math.log(float(value) / low) / math.log(high / low)
                return (float(value) - low) / (high - low)
        raise AssertionError(self.distribution)

    def positions(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the positions of ordered `levels` on the scale of the distribution, in [0, 1]."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                ranks = np.argsort(np.argsort(np.asarray(choices, dtype=np.float64)))
                return ranks[np.rint(levels).astype(np.int64)] / max(len(choices) - 1, 1)
            case IntDistribution(low=low, high=high, step=step, log=True):
                return np.asarray(np.log((low + levels * step) / low) / np.log(max(high / low, 2)))
        return levels if self.levels == 0 else levels / max(self.levels - 1, 1)

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Return `n` levels, uniform on the scale of the distribution."""
        if self.levels == 0:
            return rng.random(n)
        match self.distribution:
            case IntDistribution(low=low, high=high, log=True):
                ends = np.log(low - 0.5), np.log(high + 0.5)
                return np.clip(np.rint(np.exp(rng.uniform(*ends, n))), low, high) - low
        return rng.integers(0, self.levels, n).astype(np.float64)


class Grid:
    """All points of a search space, feasible or not.

    Args:
        distributions: Distribution of each parameter by name, in any order.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution]) -> None:
        names = sorted(distributions, key=_natural)
        self.columns: Final = tuple(Column.of(name, distributions[name]) for name in names)

    @property
    def size(self) -> float:
        """Number of points; infinite if a parameter is continuous."""
        return math.prod(float(c.levels) if c.levels else math.inf for c in self.columns)

    def encode(self, points: Sequence[Params]) -> Rows:
        """Return the rows of `points`, ``[n, d]``."""
        rows = [[column.level(point[column.name]) for column in self.columns] for point in points]
        return np.array(rows, dtype=np.float64).reshape(len(points), len(self.columns))

    def decode(self, rows: Rows) -> list[dict[str, Any]]:
        """Return the points of `rows`."""
        names = [column.name for column in self.columns]
        values = [c.values(levels) for c, levels in zip(self.columns, rows.T, strict=True)]
        return [dict(zip(names, point, strict=True)) for point in zip(*values, strict=True)]

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
            elif not _contains(ours, ours.to_internal_repr(value)):
                return False
        return True

    def draw(self, rng: np.random.Generator, n: int) -> Rows:
        """Return `n` points drawn independently, ``[n, d]``."""
        return np.stack([column.draw(rng, n) for column in self.columns], axis=1)

    def everything(self) -> Rows:
        """Return every point of a discrete space, ``[size, d]``."""
        levels = np.indices([column.levels for column in self.columns])
        return levels.reshape(len(self.columns), -1).T.astype(np.float64)

    def changed(self, rng: np.random.Generator, rows: Rows, rate: float) -> Rows:
        """Return mutants of `rows`: each parameter is redrawn at `rate`, and at least one is."""
        rows = rows.copy()
        n, d = rows.shape
        redrawn = rng.random((n, d)) < rate
        redrawn[np.arange(n), rng.integers(0, d, n)] = True
        for j, column in enumerate(self.columns):
            chosen = np.flatnonzero(redrawn[:, j])
            rows[chosen, j] = self._moved(rng, column, rows[chosen, j])
        return rows

    def neighbours(self, rng: np.random.Generator, row: NDArray[np.float64]) -> Rows:
        """Return the points that differ from `row` in one parameter.

        All other values of a parameter of up to 9 levels; else both adjacent levels and 6 drawn ones.
        """
        found = []
        for j, column in enumerate(self.columns):
            if 0 < column.levels <= 9:
                values = np.delete(np.arange(column.levels, dtype=np.float64), round(row[j]))
            else:
                step = 1.0 if column.levels else 0.01
                near = [row[j] - step, row[j] + step]
                top = column.levels - 1.0 if column.levels else 1.0
                drawn = self._moved(rng, column, np.full(6, row[j]))
                values = np.unique(np.clip(np.concatenate([near, drawn]), 0.0, top))
                values = values[values != row[j]]
            changed = np.repeat(row[None], len(values), axis=0)
            changed[:, j] = values
            found.append(changed)
        return np.concatenate(found)

    @staticmethod
    def _moved(rng: np.random.Generator, column: Column, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return other levels than `levels`; half of them near, if there are many."""
        n = len(levels)
        drawn = column.draw(rng, n)
        if column.levels == 0:
            near = np.clip(levels + rng.normal(0.0, 0.1, n), 0.0, 1.0)
        elif column.levels > 9 and column.ordered:
            width = max(1.0, 0.1 * column.levels)
            near = np.clip(np.rint(levels + rng.normal(0.0, width, n)), 0, column.levels - 1)
        else:
            near = drawn
        moved = np.where(rng.random(n) < 0.5, near, drawn)
        if column.levels > 1:
            moved = np.where(moved == levels, (levels + 1) % column.levels, moved)
        return moved


def _natural(name: str) -> tuple[tuple[str, int], ...]:
    """Return a sort key that orders ``layer2`` before ``layer10``."""
    parts = re.findall(r"(\D*)(\d*)", name)
    return tuple((text, int(digits or -1)) for text, digits in parts)


def _contains(distribution: BaseDistribution, number: float) -> bool:
    """Return whether a number lies in the range and on the steps of an int or float distribution."""
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    if not distribution.low <= number <= distribution.high:
        return False
    steps = 0.0 if distribution.step is None else (number - distribution.low) / distribution.step
    return abs(steps - round(steps)) < 1e-8


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b or (a != a and b != b))  # noqa: PLR0124
