"""Keeps a foreign Optuna sampler within what is known to fit."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final, final

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.bayesopt.problem import Problem
from nas.samplers._feasible_sampler import FittingSampler

_TRIES: Final = 20  # proposals asked of the foreign sampler before one is mended


@final
class WithinBudget(FittingSampler):
    """Asks a foreign sampler until it proposes a point that fits and is new.

    The foreign sampler is made anew for each trial with a seed of its own, so that a proposal
    depends on nothing but the seed and the history. While it would draw at random, points that fit
    are drawn instead: no sampler is held back by start-up trials outside the budget.

    Args:
        problem: What is known before the first trial.
        make: A seed to the foreign sampler.
        n_random: Trials that the foreign sampler draws at random, before it begins to learn.
        tries: Proposals asked of it; 1 where asking again gives the same.
    """

    def __init__(
        self,
        problem: Problem,
        make: Callable[[int], BaseSampler],
        n_random: int = 0,
        tries: int = _TRIES,
    ) -> None:
        super().__init__(problem)
        self._make: Final = make
        self._n_random: Final = n_random
        self._tries: Final = tries

    @override
    def liked(self, rng: np.random.Generator, study: Study, trial: FrozenTrial, history: History) -> Rows:
        if history.n_finished < self._n_random:
            return self.region.draw(rng, 64)
        inner = self._inner(trial)
        rows = []
        for _ in range(self._tries):
            row = self.region.grid.encode([self._ask(inner, study, trial)])
            rows.append(row)
            mine = self.region.canonical(row)
            if self.region.fits(mine).all() and mine[0].tobytes() not in history.seen:
                break
        return np.concatenate(rows)

    def _ask(self, inner: BaseSampler, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        space = {
            name: distribution
            for name, distribution in inner.infer_relative_search_space(study, trial).items()
            if name in self._free
        }
        point = inner.sample_relative(study, trial, space) if space else {}
        for name, distribution in self._free.items():
            if name not in point:
                point[name] = inner.sample_independent(study, trial, name, distribution)
        return point

    @override
    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._inner(trial).before_trial(study, trial)

    @override
    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        self._inner(trial).after_trial(study, trial, state, values)

    def _inner(self, trial: FrozenTrial) -> BaseSampler:
        entropy = np.random.SeedSequence([self._problem.seed, trial.number])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # TPE's options are, since 2.0
            return self._make(int(entropy.generate_state(1)[0]))
