"""Fits the prior mean to an earlier study; leaves it out if it does not predict left-out networks."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from nas.bayesopt.feasible_region import Batch, Region
from nas.bayesopt.grid import Grid
from nas.bayesopt.prior_mean import PriorMean
from nas.bayesopt.problem import Params, TransferSource
from nas.bayesopt.proposer import Proposer
from nas.bayesopt.scoring import inputs
from nas.surrogates.factor_gp import FactorGP, Inputs
from trials.torch_threads import torch_threads

_FOLDS: Final = 8  # of the cross-validation
_SKILL: Final = 0.1  # least share of the variance of left-out networks that the surrogate has to explain
_LEAST: Final = 5  # least number of networks of an earlier study
_STEPS: Final = 40  # maximum number of iterations of a fit


def transfer_prior_mean(
    grid: Grid,
    constants: Params,
    source: TransferSource | None,
    factors: Batch | None,
    canonical: Callable[[Params], dict[str, Any]] | None,
    seed: int,
) -> PriorMean | None:
    """Return the prior mean of an earlier study; None if it does not predict its own left-out networks.

    Args:
        grid: Grid of the space, which the earlier study shares.
        constants: Parameters of a single value.
        source: Observations of the earlier study; None without one.
        factors: Function from points to features of the surrogate.
        canonical: Function from a point to the representative of all points that build the same network.
        seed: Seed of the points that features are standardised by.
    """
    if source is None or len(np.unique(source.networks)) < _LEAST:
        return None
    region = Region(grid, constants, source.known_constraints_batch, factors, canonical, source.draw)
    rows = region.canonical(grid.encode(source.points))
    with torch_threads(1):
        surrogate = Proposer.of(region, seed).surrogate
        seen = inputs(region, rows, source.fidelity)
        if _skill(surrogate, seen, source) < _SKILL:
            return None
        posterior = surrogate.fitted(seen, source.values, None, _STEPS)
    prior_std = float(source.values[source.fidelity == source.fidelity.max()].std())
    return PriorMean(lambda points: posterior.predict(inputs(region, points)), max(prior_std, 1e-12))


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
