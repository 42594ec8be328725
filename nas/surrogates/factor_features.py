"""Encodes the levels of parameters as the local and global features that the factor kernel compares.

Parameters that offer the same values, such as the mixers of eight stages, are the *slots* of one
group. A network is described by three kinds of features: each slot by itself, the mean over a group
(the depth, the number of each mixer: a global factor), and its slope along the group (early or late
stages). Because slots share features, ten observations are informative about 6,561 networks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_GRID: Final = 33  # points at which the features of a continuous parameter are tabulated
_CATEGORIES: Final = 64  # number of categories up to which each has a feature of its own
_RANK: Final = 5  # features kept of one ordered parameter
_SINGLES: Final = 8  # ordered parameters without a group that may be global factors


@dataclass(frozen=True)
class Factor:
    """One parameter of the surrogate.

    Attributes:
        group: Name that is equal for parameters that offer the same values.
        levels: Number of values; 0 for a parameter of more numbers than are distinguished one by one.
        positions: Function from levels to their positions on the scale, in [0, 1]; None for categories.
    """

    group: str
    levels: int
    positions: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None


class Features:
    """Computes the features of points of one search space.

    Args:
        factors: Parameters, the slots of a group in their natural order.

    Attributes:
        owners: Index of the weight of each local feature, ``[f]``.
        n_weights: Number of weights.
        global_owners: Index of the length scale of each global feature, ``[g]``.
        n_lengths: Number of length scales.
    """

    def __init__(self, factors: Sequence[Factor]) -> None:
        self._factors: Final = tuple(factors)
        self._tables: Final = [_table(factor) for factor in factors]
        groups: dict[str, list[int]] = {}
        for j, factor in enumerate(factors):
            groups.setdefault(factor.group, []).append(j)
        self._groups: Final = [slots for slots in groups.values() if len(slots) > 1]
        singles = [
            slots[0]
            for slots in groups.values()
            if len(slots) == 1 and factors[slots[0]].positions is not None
        ]
        self._singles: Final = singles if len(singles) <= _SINGLES else []
        widths = [table.shape[1] for table in self._tables]
        shared = [w for slots in self._groups for w in [widths[slots[0]]] * 2]
        local = widths + shared
        self.owners: Final = np.repeat(np.arange(len(local)), local)
        self.n_weights: Final = len(local)
        global_widths = shared + [1] * len(self._singles)
        self.global_owners: Final = np.repeat(np.arange(len(global_widths)), global_widths)
        self.n_lengths: Final = len(global_widths)

    def of(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return local ``[n, f]`` and global features ``[n, g]`` of rows of levels ``[n, d]``.

        Every feature block has mean 0 and mean squared length 1 over uniformly drawn points.
        """
        slots = [
            _read(table, factor, rows[:, j])
            for j, (table, factor) in enumerate(zip(self._tables, self._factors, strict=True))
        ]
        shared = []
        for members in self._groups:
            block = np.stack([slots[j] for j in members])  # [slots, n, width]
            count = len(members)
            ramp = np.linspace(-1.0, 1.0, count)
            mean = block.sum(axis=0) / np.sqrt(count)
            slope = np.tensordot(ramp / np.linalg.norm(ramp), block, axes=1)
            shared += [mean, slope]
        positions = [(self._position(j, rows[:, j])[:, None] - 0.5) * np.sqrt(12.0) for j in self._singles]
        empty = np.zeros((len(rows), 0))
        return (
            np.concatenate([*slots, *shared, empty], axis=1),
            np.concatenate([*shared, *positions, empty], axis=1),
        )

    def _position(self, j: int, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        positions = self._factors[j].positions
        return levels if positions is None else positions(levels)


def _table(factor: Factor) -> NDArray[np.float64]:
    """Return features of each level, ``[levels, width]``, whose products are the kernel of a slot.

    Categories are equally dissimilar. The kernel of numbers is a sum of a linear kernel (half), a smooth
    one (a third) and that of categories (the rest), so that trends and single levels can be learnt.
    """
    count = factor.levels or _GRID
    if count == 1:
        return np.zeros((1, 1))
    if factor.positions is None and count > _CATEGORIES:
        return _many_categories(count)
    categories = (count * np.eye(count) - 1.0) / max(count - 1, 1)
    if factor.positions is None:
        gram = categories
    else:
        grid = (
            factor.positions(np.arange(count, dtype=np.float64))
            if factor.levels
            else np.linspace(0, 1, count)
        )
        line = np.outer(grid - grid.mean(), grid - grid.mean())
        curve = np.exp(-0.5 * (np.subtract.outer(grid, grid) / 0.3) ** 2)
        single = 1 / 6 if factor.levels else 0.0
        gram = _centred(line) / 2 + _centred(curve) * (1 / 2 - single) + categories * single
    values, vectors = np.linalg.eigh(_centred(gram))
    kept = np.argsort(values)[::-1][: count if factor.positions is None else _RANK]
    table = vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0.0))
    table = table[:, (table**2).mean(axis=0) > 1e-6]
    signs = np.sign(table[np.abs(table).argmax(axis=0), np.arange(table.shape[1])])
    scaled: NDArray[np.float64] = table * signs / np.sqrt((table**2).sum(axis=1).mean())
    return scaled


def _many_categories(count: int) -> NDArray[np.float64]:
    """Return random features of categories, ``[count, width]``: nearly equally dissimilar.

    One feature a category, as for few of them, would take memory with the square of their number.
    """
    rng = np.random.default_rng(np.random.SeedSequence([count]))
    table = rng.standard_normal((count, _CATEGORIES))
    table -= table.mean(axis=0)
    return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))


def _centred(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a Gram matrix centred over the levels and scaled to mean variance 1."""
    mean = gram.mean(axis=0)
    gram = gram - mean - mean[:, None] + mean.mean()
    return np.asarray(gram / max(np.trace(gram) / len(gram), 1e-12))


def _read(table: NDArray[np.float64], factor: Factor, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    if factor.levels:
        return table[np.rint(levels).astype(np.int64)]
    positions = levels if factor.positions is None else factor.positions(levels)
    at = np.clip(positions, 0.0, 1.0) * (_GRID - 1)
    low = np.minimum(at.astype(np.int64), _GRID - 2)
    share = (at - low)[:, None]
    return np.asarray((1 - share) * table[low] + share * table[low + 1])
