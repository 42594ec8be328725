"""Search algorithm `random`: draws uniformly among the feasible networks that were not tried."""

from typing import final

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from typing_extensions import override

from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.bayesopt.problem import Problem
from nas.samplers._feasible_sampler import FeasibleSampler


@final
class UniformSampler(FeasibleSampler):
    """Prefers all feasible points equally."""

    @override
    def preferred(self, rng: np.random.Generator, study: Study, trial: FrozenTrial, history: History) -> Rows:
        return self.region.draw(rng, 64)


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return UniformSampler(problem)
