"""Bayesian optimisation with a Gaussian process that keeps known constraints: `FactorGPSampler`."""

from .bayesopt.errors import NothingFeasibleError, ProblemError
from .bayesopt.observations import observations_of
from .bayesopt.problem import Source, TransferSource
from .samplers.factor_gp import FactorGPSampler

__all__ = [
    "FactorGPSampler",
    "NothingFeasibleError",
    "ProblemError",
    "Source",
    "TransferSource",
    "observations_of",
]
