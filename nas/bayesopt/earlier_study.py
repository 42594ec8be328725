"""Makes a source of evidence of an earlier study; leaves it out if it does not predict left-out networks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.additive_fit import AdditiveFit
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.problem import Params, Source, TransferSource
from nas.bayesopt.region_surrogate import surrogate_of
from nas.bayesopt.scoring import inputs
from nas.surrogates.factor_gp import OUTLYING, FactorGP, Inputs
from nas.surrogates.torch_threads import torch_threads
from nas.surrogates.value_units import clipped

_FOLDS: Final = 8  # of the cross-validation
_SKILL: Final = 0.1  # least share of the variance of left-out networks that the surrogate has to explain
_LEAST: Final = 5  # least number of networks of an earlier study
_STEPS: Final = 40  # maximum number of iterations of a fit


def earlier_study(region: Region, source: TransferSource, seed: int) -> Source | None:
    """Return an earlier study as a source; None if it does not predict its own left-out networks.

    Args:
        region: Region of the space, which the earlier study shares.
        source: Observations of the earlier study.
        seed: Seed of the points that features are standardised by.
    """
    region = region.under(source.known_constraints_batch, source.draw)
    source = _within(region, source)
    if len(np.unique(source.networks)) < _LEAST:
        return None
    rows = region.canonical(region.grid.encode(source.points))
    if source.additive:
        return _additive(region, source, rows, surrogate_of(region, seed))
    with torch_threads(1):
        surrogate = surrogate_of(region, seed)
        seen = inputs(region, rows, source.fidelity)
        if _skill(surrogate, seen, source) < _SKILL:
            return None
        posterior = surrogate.fitted(seen, source.values, None, _STEPS)

    def expects(points: Sequence[Params]) -> NDArray[np.float64]:
        rows = region.canonical(region.grid.encode(points))
        return np.stack(posterior.predict(inputs(region, rows)), axis=1)

    return Source(name=source.name, expects=expects, of_value=True)


def _within(region: Region, source: TransferSource) -> TransferSource:
    """Return those observations whose points have all parameters of the region, each within its range.

    Low outliers are left out too: a diverged training, even clipped, would be most of the variance, beside
    which nothing else is predicted. High ones are clipped.
    """
    values = np.array(source.values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(values))
    limited = clipped(values[known], OUTLYING) if len(known) else values[known]
    usual = set(known[limited <= values[known]].tolist())
    values[known] = limited
    kept = [i for i, point in enumerate(source.points) if i in usual and region.grid.contains(point)]
    return replace(
        source,
        points=[source.points[i] for i in kept],
        values=values[kept],
        fidelity=source.fidelity[kept],
        networks=source.networks[kept],
    )


def _additive(region: Region, source: TransferSource, rows: Rows, surrogate: FactorGP) -> Source | None:
    """Return what a sum over parameters expects, None if it does not predict left-out networks."""
    fit = AdditiveFit.of(surrogate.local(rows), source.values)
    if fit.skill < _SKILL:
        return None

    def expects(points: Sequence[Params]) -> NDArray[np.float64]:
        rows = region.canonical(region.grid.encode(points))
        return np.stack(fit.predict(surrogate.local(rows)), axis=1)

    return Source(name=source.name, expects=expects, of_value=True)


def _skill(surrogate: FactorGP, seen: Inputs, source: TransferSource) -> float:
    """Return the share of the variance of full trainings that is predicted for left-out networks."""
    names, fold = np.unique(source.networks, return_inverse=True)
    fold = fold % min(_FOLDS, len(names))
    errors = np.zeros(len(fold))
    for k in range(fold.max() + 1):
        left_out = fold == k
        posterior = surrogate.fitted(seen[~left_out], source.values[~left_out], None, _STEPS // 2)
        errors[left_out] = posterior.predict(seen[left_out])[0] - source.values[left_out]
    whole = source.fidelity == source.fidelity.max()
    centred = source.values[whole] - source.values[whole].mean()
    return 1.0 - float((errors[whole] ** 2).mean()) / max(float((centred**2).mean()), 1e-18)
