"""Draws uniformly among the networks that fit and were not tried: what every other must beat."""

from typing import final

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from typing_extensions import override

from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.bayesopt.problem import Problem
from nas.samplers._feasible_sampler import FittingSampler


@final
class UniformSampler(FittingSampler):
    """Likes every point that fits equally well."""

    @override
    def liked(self, rng: np.random.Generator, study: Study, trial: FrozenTrial, history: History) -> Rows:
        return self.region.draw(rng, 64)


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return UniformSampler(problem)
