"""Constraints that only trials show: those that they measure, and whether they fail at all."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.surrogates.factor_gp import Posterior

_LEAST_SCALE: Final = 1e-3  # least distance from 0 that is resolved, as a share of the typical one
_LEAST: Final = 1e-12  # least size of what is not 0
_SCALED: Final = 3  # number of different values from which a multiple of a known constraint is known too


@dataclass(frozen=True, eq=False)
class Shown:
    """What trials showed of one constraint.

    Attributes:
        name: Name under which its fit is stored.
        rows: Points, ``[n, d]``.
        values: One finite number for each; the point is feasible where it is <= 0.
    """

    name: str
    rows: Rows
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LearntConstraint:
    """Posterior of a constraint, and what trials showed of it."""

    shown: Shown
    posterior: Posterior

    def at(self, rows: Rows, expected: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value that trials showed at each row, else the `expected` one, ``[n]``."""
        found = dict(zip((row.tobytes() for row in self.shown.rows), self.shown.values.tolist(), strict=True))
        return np.array(
            [found.get(row.tobytes(), mean) for row, mean in zip(rows, expected.tolist(), strict=True)]
        )


def shown_constraints(region: Region, history: History) -> list[Shown]:
    """Return the constraints that have to be learnt from trials.

    A measured constraint that is one of the known ones, such as a budget that is stored with each trial, is
    left out: the region keeps it already.
    """
    found = []
    for j, column in enumerate(history.measured.T):
        there = ~np.isnan(column)
        rows, values = history.measured_rows[there], column[there]
        if not any(_same(values, known) for known in region.excess(rows).T):
            found.append(Shown(f"constraint{j}", rows, squeezed(values)))
    if len(history.failed) and len(history.trained):
        rows = np.concatenate([history.trained, history.failed])
        signs = np.repeat([-1.0, 1.0], [len(history.trained), len(history.failed)])
        found.append(Shown("failure", rows, signs))
    return found


def squeezed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return constraints as finite numbers of the same signs, the large ones drawn together.

    The bilog transformation of Eriksson and Poloczek, 2021 (https://arxiv.org/abs/2002.08526), in units of
    the typical distance from 0 on the side where that is smaller: no outlier hides on which side a point is.
    """
    sizes = [np.abs(side[np.isfinite(side)]) for side in (values[values > 0], values[values < 0])]
    typical = [float(np.sort(side)[len(side) // 2]) for side in sizes if len(side)]  # medians
    if not typical:
        return np.sign(values)
    scale = max(min(typical), _LEAST_SCALE * max(typical))
    lengths = np.where(np.isfinite(values) & (values != 0), np.abs(values), 1.0)
    # log(1 + size / scale), also where the quotient is too large or too small for a number
    logs = np.maximum(np.logaddexp(0.0, np.log(lengths) - np.log(scale)), _LEAST)
    logs = np.where(np.isfinite(values), logs, logs[np.isfinite(values)].max() + 1.0)
    return np.asarray(np.sign(values) * logs)


def _same(values: NDArray[np.float64], known: NDArray[np.float64]) -> bool:
    """Return whether measured values are a known constraint, or the same one in another unit."""
    if not np.array_equal(values > 0, known > 0) or not np.array_equal(
        np.isfinite(values), np.isfinite(known)
    ):
        return False
    ours, theirs = values[np.isfinite(values)], known[np.isfinite(known)]
    square = float(theirs @ theirs)
    unit = float(ours @ theirs) / square if square > 0 else 1.0
    if abs(unit - 1) > 1e-6 and len(np.unique(theirs)) < _SCALED:
        return False
    return bool(np.allclose(ours, unit * theirs, rtol=1e-6, atol=1e-9 * float(np.abs(ours).max(initial=0.0))))
