"""Search algorithm `gp`: Optuna's Gaussian process, Matérn-5/2 over all parameters, a length scale each."""

from optuna.samplers import BaseSampler, GPSampler

from nas.bayesopt.problem import Problem
from nas.samplers._within_budget import WithinBudget


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return WithinBudget(problem, _gp, n_random=10, tries=1)


def _gp(seed: int) -> BaseSampler:
    return GPSampler(seed=seed, n_startup_trials=10, warn_independent_sampling=False)
