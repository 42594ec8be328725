"""Values of networks as deployed: what deployment is expected to cost is taken off those of training.

Networks that were stopped early, and rungs of a study that was begun without it, have values of their form in
training. What deployment takes off is an output of its own: a surrogate of the same factors learns it from
networks that were valued in both forms, and its uncertainty is noise of the values that it was taken off.
"""

import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.bayesopt.scoring import inputs
from nas.surrogates.factor_gp import FactorGP

Floats: TypeAlias = NDArray[np.float64]
Expects: TypeAlias = Callable[[Rows, Floats, Rows], tuple[Floats, Floats]]
"""Function from points and what deployment took off there to mean and deviation at other points."""

_FEW: Final = 4  # networks in both forms below which their mean stands for all
_STEPS: Final = 40  # maximum number of iterations of a fit


def as_deployed(history: History, expects: Expects) -> tuple[Floats, Floats | None]:
    """Return values as deployed, ``[n, 1]``, and the variance of what was taken off, ``[n]``.

    Where no network was valued in both forms the values are those of the form in training, without variance.

    Args:
        history: Trials of a study with one objective.
        expects: Fits a surrogate and asks it.
    """
    drops = history.drops
    if drops is None or np.isnan(drops).all() or history.values.shape[1] != 1:
        return history.values, None
    known = ~np.isnan(drops)
    _, first = np.unique(history.trials[known], return_index=True)  # each network once
    rows, seen = history.rows[known][first], drops[known][first]
    mean, deviation = np.zeros(len(drops)), np.zeros(len(drops))
    if not known.all():
        mean[~known], deviation[~known] = (
            _pooled(seen, int((~known).sum()))
            if len(seen) < _FEW
            else expects(rows, seen, history.rows[~known])
        )
    return history.values - mean[:, None], deviation**2


def values_as_deployed(history: History, region: Region, surrogate: Callable[[], FactorGP]) -> Floats:
    """Return the values of a study with one objective as deployed, ``[n]``.

    Args:
        history: Its trials.
        region: Feasible region of its space.
        surrogate: Makes a surrogate of the region; called only if some values have to be expected.
    """

    def expects(rows: Rows, drops: Floats, others: Rows) -> tuple[Floats, Floats]:
        return expecting(region, surrogate())(rows, drops, others)

    return as_deployed(history, expects)[0][:, 0]


def expecting(region: Region, surrogate: FactorGP) -> Expects:
    """Return what fits a surrogate of a region to what deployment took off, and asks it."""

    def expects(rows: Rows, drops: Floats, others: Rows) -> tuple[Floats, Floats]:
        fitted = surrogate.fitted(inputs(region, rows), drops, None, _STEPS, lowest=math.inf)
        return fitted.predict(inputs(region, others))

    return expects


def _pooled(drops: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the mean of a few drops and their deviation; of a single one, as much as itself."""
    deviation = float(drops.std(ddof=1)) if len(drops) > 1 else abs(float(drops[0]))
    return np.full(count, drops.mean()), np.full(count, deviation)
