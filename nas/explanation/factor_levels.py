"""Sets one factor, or one kind of choice in all stages, to each of its levels, with the rest unchanged."""

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from nas.bayesopt.column import Column
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.explanation.evidence import Floats

_DRAWN: Final = 1024  # feasible networks from which each factor is drawn


@dataclass(frozen=True, eq=False)
class FactorSetting:
    """One factor and the levels that it can be set to.

    Attributes:
        name: Name of the factor.
        columns: Indices of the parameters that are set together.
        levels: Levels of the parameters, ``[k]``.
        values: Values at the levels.
        weights: Frequency of each level, or of those nearest to it, ``[k]``.
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
        """Return the index of the level nearest to each row, ``[n]``."""
        distances = np.abs(rows[:, self.columns[0], None] - self.levels)
        return np.asarray(distances.argmin(axis=1), dtype=np.int64)


def independent(rng: np.random.Generator, region: Region, n: int) -> Rows:
    """Return points with each factor drawn independently from the feasible points, ``[n, d]``."""
    fitting = region.draw(rng, _DRAWN)
    return np.stack([rng.choice(column, n) for column in fitting.T], axis=1)


def factor_settings(region: Region, drawn: Rows, most: int) -> list[FactorSetting]:
    """Return a factor for every parameter.

    Args:
        region: Feasible region with the parameters.
        drawn: Points that give the frequencies of levels, ``[n, d]``.
        most: Maximum number of levels of a factor; a longer scale is thinned evenly.
    """
    return [
        _factor_setting(column.name, (j,), column, drawn, most)
        for j, column in enumerate(region.grid.columns)
    ]


def kinds(region: Region, drawn: Rows, most: int) -> dict[str, list[FactorSetting]]:
    """Return the factors of each kind of choice that several stages have, categories before numbers.

    ``stage1.kernel`` and ``stage2.kernel`` are of the kind ``kernel``.
    """
    found: dict[tuple[str, str], list[int]] = {}
    columns = region.grid.columns
    for j in sorted(range(len(columns)), key=lambda j: columns[j].ordered):
        if re.search(r"\d", columns[j].name):
            found.setdefault((kind_of(columns[j].name), repr(columns[j].distribution)), []).append(j)
    return {
        kind: [_factor_setting(columns[j].name, (j,), columns[j], drawn, most) for j in slots]
        for (kind, _), slots in found.items()
        if len(slots) > 1
    }


def together(kind: str, members: list[FactorSetting]) -> FactorSetting:
    """Return the factor that sets one kind of choice in all stages at once."""
    first = members[0]
    weights = np.mean([member.weights for member in members], axis=0)
    columns = tuple(column for member in members for column in member.columns)
    return FactorSetting(kind, columns, first.levels, first.values, weights)


def kind_of(name: str) -> str:
    """Return the kind of a parameter: ``kernel`` for ``stage2.kernel``."""
    return name.rpartition(".")[2] if "." in name else "choice"


def place_of(name: str) -> str:
    """Return the numbered part of a parameter's name: ``stage`` for ``stage2.kernel``."""
    return re.sub(r"\d+", "", name.partition(".")[0]) or "place"


def _factor_setting(
    name: str, columns: tuple[int, ...], column: Column, drawn: Rows, most: int
) -> FactorSetting:
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
