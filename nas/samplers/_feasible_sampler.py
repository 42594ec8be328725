"""Base class of samplers: replaces infeasible or repeated proposals by the most similar feasible point."""

from abc import ABC, abstractmethod
from typing import Any, Final

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from typing_extensions import override

from nas.bayesopt.column import Column
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Grid, Rows
from nas.bayesopt.history import Histories, History
from nas.bayesopt.initial_design import unseen
from nas.bayesopt.problem import Problem


class FeasibleSampler(BaseSampler, ABC):
    """Optuna sampler whose subclasses only list the points that they prefer.

    The first preferred point that is feasible and new is proposed; if there is none, the most similar
    feasible new point.

    Args:
        problem: Search problem.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem: Final = problem
        free = {n: d for n, d in problem.distributions.items() if not d.single()}
        constants = {n: Column.of(n, d).value(0.0) for n, d in problem.distributions.items() if d.single()}
        self._free: Final = free
        self.region: Final = Region(
            Grid(free),
            constants,
            problem.known_constraints_batch,
            None,
            problem.canonical,
            problem.draw,
        )
        self._histories: Final = Histories(self.region, problem.failure_counts)

    @abstractmethod
    def preferred(self, rng: np.random.Generator, study: Study, trial: FrozenTrial, history: History) -> Rows:
        """Return points in order of preference, ``[>= 1, d]``, feasible or not."""

    @override
    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._free)

    @override
    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        rng = self._generator(trial)
        history = self._histories.read(study, trial)
        preferred = self.region.canonical(self.preferred(rng, study, trial, history))
        feasible = unseen(preferred[self.region.fits(preferred)], history.seen)
        row = feasible[:1] if len(feasible) else self._nearest(rng, preferred[:1], history)
        return self.region.grid.decode(row)[0]

    @override
    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        column = Column.of(param_name, param_distribution)
        return column.value(float(column.draw(self._generator(trial), 1)[0]))

    def _nearest(self, rng: np.random.Generator, preferred: Rows, history: History) -> Rows:
        """Return the feasible point most similar to `preferred`, new if there is a new one."""
        drawn = self.region.draw(rng, 2_000)
        near = self.region.canonical(self.region.grid.neighbours(rng, preferred[0]))
        drawn = np.concatenate([near[self.region.fits(near)], drawn])
        new = unseen(drawn, history.seen)
        if not len(new):
            whole = self.region.whole()
            new = drawn if whole is None else unseen(whole, history.seen)
        pool = new if len(new) else drawn
        return pool[[(pool != preferred).sum(axis=1).argmin()]]

    def _generator(self, trial: FrozenTrial) -> np.random.Generator:
        entropy = [self._problem.seed, trial.number]
        return np.random.default_rng(np.random.SeedSequence(entropy))
