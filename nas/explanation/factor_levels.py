"""Levers: one factor, or one kind of choice in every stage, set to a value with all else as it was."""

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Column, Rows
from nas.explanation.evidence import Floats

_DRAWN: Final = 1024  # networks that fit, from which each factor is drawn by itself


@dataclass(frozen=True, eq=False)
class FactorSetting:
    """What is set.

    Attributes:
        name: What people call it.
        columns: Parameters that are set together.
        levels: What they are set to, ``[k]``.
        values: The same as people write it.
        weights: How often each level, or one nearer to it than to the others, occurs, ``[k]``.
    """

    name: str
    columns: tuple[int, ...]
    levels: Floats
    values: tuple[Any, ...]
    weights: Floats

    def set(self, rows: Rows) -> Rows:
        """Return `rows` at each level in turn, ``[k, n, d]``."""
        found = np.repeat(rows[None], len(self.levels), axis=0)
        found[:, :, self.columns] = self.levels[:, None, None]
        return found

    def nearest(self, rows: Rows) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return which of the levels each row is at or nearest to, ``[n]``."""
        away = np.abs(rows[:, self.columns[0], None] - self.levels)
        return np.asarray(away.argmin(axis=1), dtype=np.int64)


def independent(rng: np.random.Generator, region: Region, n: int) -> Rows:
    """Return points with each factor drawn by itself, as often as it occurs in what fits, ``[n, d]``."""
    fitting = region.draw(rng, _DRAWN)
    return np.stack([rng.choice(column, n) for column in fitting.T], axis=1)


def factor_settings(region: Region, drawn: Rows, most: int) -> list[FactorSetting]:
    """Return a lever for every parameter, with at most so many levels.

    Args:
        region: Whose parameters.
        drawn: Points that show how often each level occurs, ``[n, d]``.
        most: Levels of a lever; those of a longer scale are spread evenly.
    """
    return [_lever(column.name, (j,), column, drawn, most) for j, column in enumerate(region.grid.columns)]


def kinds(region: Region, drawn: Rows, most: int) -> dict[str, list[FactorSetting]]:
    """Return the levers of each kind of choice that several stages have, names before numbers.

    ``stage1.kernel`` and ``stage2.kernel`` are of the kind ``kernel``.
    """
    found: dict[tuple[str, str], list[int]] = {}
    columns = region.grid.columns
    for j in sorted(range(len(columns)), key=lambda j: columns[j].ordered):
        if re.search(r"\d", columns[j].name):
            found.setdefault((kind_of(columns[j].name), repr(columns[j].distribution)), []).append(j)
    return {
        kind: [_lever(columns[j].name, (j,), columns[j], drawn, most) for j in slots]
        for (kind, _), slots in found.items()
        if len(slots) > 1
    }


def together(kind: str, members: list[FactorSetting]) -> FactorSetting:
    """Return the lever that sets one kind of choice in every stage at once."""
    first = members[0]
    weights = np.mean([lever.weights for lever in members], axis=0)
    columns = tuple(column for lever in members for column in lever.columns)
    return FactorSetting(kind, columns, first.levels, first.values, weights)


def kind_of(name: str) -> str:
    """Return what a parameter is, wherever it stands: ``kernel`` for ``stage2.kernel``."""
    return name.rpartition(".")[2] if "." in name else "choice"


def place_of(name: str) -> str:
    """Return what is numbered in a parameter's name: ``stage`` for ``stage2.kernel``."""
    return re.sub(r"\d+", "", name.partition(".")[0]) or "place"


def _lever(name: str, columns: tuple[int, ...], column: Column, drawn: Rows, most: int) -> FactorSetting:
    if column.levels == 0:
        levels = np.linspace(0.0, 1.0, most)
    elif column.ordered and column.levels > most:
        levels = np.unique(np.linspace(0, column.levels - 1, most).round())
    else:
        levels = np.arange(column.levels, dtype=np.float64)
    values = column.values(levels)
    if column.ordered:
        order = np.argsort(np.asarray(values, dtype=np.float64), kind="stable")
        levels, values = levels[order], [values[i] for i in order]
    nearest = np.abs(drawn[:, columns[0], None] - levels).argmin(axis=1)
    weights = np.bincount(nearest, minlength=len(levels)).astype(np.float64)
    return FactorSetting(name, columns, levels, tuple(values), weights / weights.sum())
