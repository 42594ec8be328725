"""Search algorithm `tpe`: Optuna's multivariate Parzen estimator (Watanabe, 2023, arXiv 2304.11127)."""

from optuna.samplers import BaseSampler, TPESampler

from nas.bayesopt.problem import Problem
from nas.samplers._within_budget import WithinBudget


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return WithinBudget(problem, _tpe, n_random=10)


def _tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=10)
