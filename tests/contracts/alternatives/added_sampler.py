"""A sampler that takes the first network that it is given."""

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from typing_extensions import override

from nas.bayesopt.problem import Problem


class AddedSampler(BaseSampler):
    """Draws one network that fits for each trial."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @override
    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self.problem.distributions)

    @override
    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        assert self.problem.draw is not None
        return self.problem.draw(np.random.default_rng(trial.number), 1)[0]

    @override
    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        raise NotImplementedError


SAMPLER = AddedSampler
