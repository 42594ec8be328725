"""Sets one factor, or one kind of choice in all stages, to each of its levels, with the rest unchanged."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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

    def nearest(self, rows: Rows) -> NDArray[np.int64]:
        """Return the index of the level nearest to each row, ``[n]``."""
        distances = np.abs(rows[:, self.columns[0], None] - self.levels)
        return np.asarray(distances.argmin(axis=1), dtype=np.int64)

    def active(self, rows: Rows, canonical: Callable[[Rows], Rows]) -> NDArray[np.bool_]:
        """Return whether the factor has an effect in each row: some level makes another network, ``[n]``.

        A kernel has none in a stage of attention, for example.

        Args:
            rows: Points, ``[n, d]``.
            canonical: Function from points to canonical points, ``[n, d]``.
        """
        own, found = canonical(rows), np.zeros(len(rows), dtype=np.bool_)
        for level in self.levels:
            left = np.flatnonzero(~found & (own[:, self.columns[0]] != level))
            if len(left):
                moved = own[left]
                moved[:, self.columns] = level
                found[left] = (canonical(moved) != own[left]).any(axis=1)
        return found


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

    ``stage1.kernel`` and ``stage2.kernel`` are of the kind ``kernel``. Stages of other values are a kind of
    their own, and each is named by its stages then: ``kernel of stages 1, 2``. The one with the most stages
    comes first.
    """
    groups: dict[str, dict[str, list[int]]] = {}
    columns = region.grid.columns
    for j in sorted(range(len(columns)), key=lambda j: columns[j].ordered):
        if numbered(columns[j].name):
            values = repr(columns[j].distribution)
            groups.setdefault(kind_of(columns[j].name), {}).setdefault(values, []).append(j)
    ranked = {kind: sorted(found.values(), key=len, reverse=True) for kind, found in groups.items()}
    return {
        _kind_name(kind, [columns[j].name for j in found[i]], alone=len(found) == 1): [
            _factor_setting(columns[j].name, (j,), columns[j], drawn, most) for j in found[i]
        ]
        for i in range(max(map(len, ranked.values()), default=0))
        for kind, found in ranked.items()
        if i < len(found) and len(found[i]) > 1
    }


def _kind_name(kind: str, names: list[str], *, alone: bool) -> str:
    """Return the name of a kind of choice, with its stages unless all stages that have it are of it."""
    if alone:
        return kind
    return f"{kind} of {place_of(names[0])}s {', '.join(str(number_of(name)) for name in names)}"


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


def number_of(name: str) -> int:
    """Return the number in a parameter's name: 2 for ``stage2.kernel``."""
    return int("".join(re.findall(r"\d", name)))


def numbered(name: str) -> bool:
    """Return whether a parameter is of one stage, by its name."""
    return re.search(r"\d", name) is not None


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
