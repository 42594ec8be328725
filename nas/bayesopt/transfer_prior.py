"""What an earlier study expects of points: its surrogate, if that predicts its own networks."""

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

_FOLDS: Final = 8
_SKILL: Final = 0.1  # share of the variance that the surrogate has to predict of networks left out
_LEAST: Final = 5  # networks below which there is nothing to learn
_STEPS: Final = 40


def transfer_prior_mean(
    grid: Grid,
    constants: Params,
    earlier: TransferSource | None,
    factors: Batch | None,
    canonical: Callable[[Params], dict[str, Any]] | None,
    seed: int,
) -> PriorMean | None:
    """Return what an earlier study expects, or None where it does not predict its own networks.

    Args:
        grid: Of the space, which the earlier study shares.
        constants: Parameters that have one value only.
        earlier: What it saw.
        factors: Features that the surrogate learns from.
        canonical: A point to the one that stands for all that build the same network.
        seed: Decides which points show typical costs.
    """
    if earlier is None or len(np.unique(earlier.networks)) < _LEAST:
        return None
    region = Region(grid, constants, earlier.known_constraints_batch, factors, canonical, earlier.draw)
    rows = region.canonical(grid.encode(earlier.points))
    with torch_threads(1):
        surrogate = Proposer.of(region, seed).surrogate
        seen = inputs(region, rows, earlier.fidelity)
        if _skill(surrogate, seen, earlier) < _SKILL:
            return None
        posterior = surrogate.fitted(seen, earlier.values, None, _STEPS)
    spread = float(earlier.values[earlier.fidelity == earlier.fidelity.max()].std())
    return PriorMean(lambda points: posterior.predict(inputs(region, points)), max(spread, 1e-12))


def _skill(surrogate: FactorGP, seen: Inputs, earlier: TransferSource) -> float:
    """Return the share of the variance at each fidelity that is predicted of networks left out."""
    names, fold = np.unique(earlier.networks, return_inverse=True)
    fold = fold % min(_FOLDS, len(names))
    missed = np.zeros(len(fold))
    for k in range(fold.max() + 1):
        here = fold == k
        posterior = surrogate.fitted(seen[~here], earlier.values[~here], None, _STEPS // 2)
        missed[here] = posterior.predict(seen[here])[0] - earlier.values[here]
    whole = earlier.fidelity == earlier.fidelity.max()
    about = earlier.values[whole] - earlier.values[whole].mean()
    return 1.0 - float((missed[whole] ** 2).mean()) / max(float((about**2).mean()), 1e-18)
