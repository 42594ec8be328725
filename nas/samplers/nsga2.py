"""Search algorithm `nsga2`: Optuna's NSGA-II (Deb et al., 2002, https://doi.org/10.1109/4235.996017)."""

from optuna.samplers import BaseSampler, NSGAIISampler

from nas.bayesopt.problem import Problem
from nas.samplers._within_budget import WithinBudget

_POPULATION = 20  # Optuna's 50 would be random search for as long as a search here lasts


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return WithinBudget(problem, _nsga2)


def _nsga2(seed: int) -> BaseSampler:
    return NSGAIISampler(seed=seed, population_size=_POPULATION)
