"""Architecture factors: from levels of parameters to the features that a kernel compares.

Parameters that offer the same values, such as the mixers of eight stages, are the *slots* of one
group. A network is then described by three kinds of features: each slot by itself, the mean over a
group (how deep, how many of each mixer: a global factor), and its slope along the group (early or
late). Sharing of this kind is what lets ten observations say something about 6,561 networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_GRID: Final = 33  # places at which the features of a continuous parameter are tabulated
_RANK: Final = 5  # features kept of one ordered parameter
_SINGLES: Final = 8  # ordered parameters without a group that may be global factors


@dataclass(frozen=True)
class Factor:
    """One parameter, as a surrogate sees it.

    Attributes:
        group: Parameters with equal `group` offer the same values.
        levels: How many values it has; 0 where it is continuous and levels are places in [0, 1].
        places: Where each level lies on its scale, in [0, 1], ``[levels]``; None for names.
    """

    group: str
    levels: int
    places: NDArray[np.float64] | None


class Features:
    """Features of points, for one search space.

    Args:
        factors: The parameters, slots of a group in their natural order.

    Attributes:
        owners: The weight that each local feature belongs to, ``[f]``.
        n_weights: How many weights there are.
        global_owners: The length scale that each global feature belongs to, ``[g]``.
        n_lengths: How many length scales there are.
    """

    def __init__(self, factors: Sequence[Factor]) -> None:
        self._factors: Final = tuple(factors)
        self._tables: Final = [_table(factor) for factor in factors]
        groups: dict[str, list[int]] = {}
        for j, factor in enumerate(factors):
            groups.setdefault(factor.group, []).append(j)
        self._groups: Final = [slots for slots in groups.values() if len(slots) > 1]
        singles = [
            slots[0] for slots in groups.values() if len(slots) == 1 and factors[slots[0]].places is not None
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
        places = [(self._place(j, rows[:, j])[:, None] - 0.5) * np.sqrt(12.0) for j in self._singles]
        empty = np.zeros((len(rows), 0))
        return (
            np.concatenate([*slots, *shared, empty], axis=1),
            np.concatenate([*shared, *places, empty], axis=1),
        )

    def _place(self, j: int, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        factor = self._factors[j]
        if not factor.levels or factor.places is None:
            return levels
        return factor.places[np.rint(levels).astype(np.int64)]


def _table(factor: Factor) -> NDArray[np.float64]:
    """Return features of each level, ``[levels, width]``, whose products are the kernel of a slot.

    Names are equally unlike each other. Numbers are alike as a line (half), a smooth curve (a third)
    and names are (the rest), so that both a trend and an odd one out can be learnt.
    """
    count = factor.levels or _GRID
    names = (count * np.eye(count) - 1.0) / max(count - 1, 1)
    if count == 1:
        return np.zeros((1, 1))
    if factor.places is None and factor.levels:
        gram = names
    else:
        grid = factor.places if factor.places is not None else np.linspace(0.0, 1.0, count)
        line = np.outer(grid - grid.mean(), grid - grid.mean())
        curve = np.exp(-0.5 * (np.subtract.outer(grid, grid) / 0.3) ** 2)
        odd = 1 / 6 if factor.levels else 0.0
        gram = _centred(line) / 2 + _centred(curve) * (1 / 2 - odd) + names * odd
    values, vectors = np.linalg.eigh(_centred(gram))
    kept = np.argsort(values)[::-1][: count if factor.places is None and factor.levels else _RANK]
    table = vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0.0))
    table = table[:, (table**2).mean(axis=0) > 1e-6]
    signs = np.sign(table[np.abs(table).argmax(axis=0), np.arange(table.shape[1])])
    scaled: NDArray[np.float64] = table * signs / np.sqrt((table**2).sum(axis=1).mean())
    return scaled


def _centred(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `gram` of functions with mean 0 over the levels, with mean variance 1."""
    mean = gram.mean(axis=0)
    gram = gram - mean - mean[:, None] + mean.mean()
    return np.asarray(gram / max(np.trace(gram) / len(gram), 1e-12))


def _read(table: NDArray[np.float64], factor: Factor, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    if factor.levels:
        return table[np.rint(levels).astype(np.int64)]
    at = np.clip(levels, 0.0, 1.0) * (_GRID - 1)
    low = np.minimum(at.astype(np.int64), _GRID - 2)
    share = (at - low)[:, None]
    return np.asarray((1 - share) * table[low] + share * table[low + 1])
