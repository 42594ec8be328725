"""How far an explanation goes beyond the networks that were trained, and how much wider that makes intervals.

A search trains networks where it expects good ones. What they tell about all networks of the space is
extrapolated, and the surrogate's own error knows nothing of functions that are steeper where nobody looked.
"""

import math
from typing import Final

import numpy as np

from nas.bayesopt.grid import Rows
from nas.bayesopt.initial_design import distances
from nas.explanation.evidence import Evidence
from nas.surrogates.factor_gp import Posterior

_NEAR: Final = 0.9  # share of the trained networks that another one resembles as much as "familiar" means
_USUAL: Final = 0.85  # share of familiar networks after uniform sampling
_BOUND: Final = 1.645  # standard errors of the upper 95 % bound
_POWER: Final = 1.5  # by which intervals widen with unfamiliarity; see `widening`


def familiar_share(evidence: Evidence, drawn: Rows) -> float:
    """Return the share of `drawn` networks as similar to a trained one as trained ones are to each other."""
    trained = np.unique(evidence.rows, axis=0)
    if len(trained) < 2:
        return 0.0
    apart = distances(evidence.region, trained, trained)
    np.fill_diagonal(apart, np.inf)
    near = np.quantile(apart.min(axis=1), _NEAR)
    found = distances(evidence.region, evidence.canonical(drawn), trained).min(axis=1)
    return float((found <= near).mean())


def widening(posterior: Posterior, familiar: float, trained: int) -> float:
    """Return the factor by which errors of effects over all networks exceed the posterior's, at least 1.

    The product of the error of left-out networks in predicted deviations, in which isolated networks count
    most, at its upper 95 % bound, and of a power of the share of familiar networks. That power was chosen
    so that nominal 90 % intervals hold at least 85 % of the time after random and after `factor_gp` searches
    (`tests/benchmarks/results/explanation_coverage.md`).

    Args:
        posterior: Posterior of the surrogate.
        familiar: What `familiar_share` returns.
        trained: Number of trained networks, at least 1.
    """
    error = max(1.0, posterior.left_out_error) * (1 + _BOUND / math.sqrt(2 * trained))
    return error * min(1.0, max(familiar, 0.01) / _USUAL) ** -_POWER
