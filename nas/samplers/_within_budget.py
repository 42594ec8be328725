"""Wraps any Optuna sampler so that its proposals keep all known constraints."""

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
from nas.samplers._feasible_sampler import FeasibleSampler

_TRIES: Final = 20  # proposals of the wrapped sampler before one is repaired


@final
class WithinBudget(FeasibleSampler):
    """Asks another sampler until it proposes a point that is feasible and new.

    The wrapped sampler is constructed for each trial with a seed of its own, so that a proposal
    depends only on the seed and the history. During its random start-up trials, feasible points are
    drawn instead, so that none of them is wasted outside the budget.

    Args:
        problem: Search problem.
        make: Function from a seed to the wrapped sampler.
        n_random: Number of random start-up trials of the wrapped sampler.
        tries: Maximum number of its proposals per trial; 1 if asking again returns the same.
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
    def preferred(self, rng: np.random.Generator, study: Study, trial: FrozenTrial, history: History) -> Rows:
        if history.n_finished < self._n_random:
            return self.region.draw(rng, 64)
        inner = self._inner(trial)
        rows = []
        for _ in range(self._tries):
            row = self.region.grid.encode([self._ask(inner, study, trial)])
            rows.append(row)
            canonical = self.region.canonical(row)
            if self.region.fits(canonical).all() and canonical[0].tobytes() not in history.seen:
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
            warnings.simplefilter("ignore", ExperimentalWarning)  # options of TPE
            return self._make(int(entropy.generate_state(1)[0]))
