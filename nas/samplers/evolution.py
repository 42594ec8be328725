"""Regularised evolution (Real et al., 2019, https://arxiv.org/abs/1802.01548).

The population is the last trials that were trained to the end; the best of a few drawn from it has
one parameter changed. The oldest leave, good or bad: that is the regularisation.
"""

from typing import Final, final

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from typing_extensions import override

from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.bayesopt.problem import Problem
from nas.samplers._feasible_sampler import FittingSampler

_POPULATION: Final = 20
_TOURNAMENT: Final = 5
_OFFSPRING: Final = 64  # children made in turn until one fits and is new


@final
class RegularizedEvolution(FittingSampler):
    """Likes children of the best of a few recent trials, as soon as there are enough of them."""

    @override
    def liked(self, rng: np.random.Generator, study: Study, trial: FrozenTrial, history: History) -> Rows:
        whole = np.flatnonzero(history.fidelity == 1)
        if len(whole) + len(history.pending) < _POPULATION or not len(whole):
            return self.region.draw(rng, _OFFSPRING)
        population = whole[-_POPULATION:]
        size = min(_TOURNAMENT, len(population))
        drawn = [rng.choice(population, size, replace=False) for _ in range(_OFFSPRING)]
        parents = [_winner(history, members) for members in drawn]
        return self.region.grid.changed(rng, history.rows[parents], 0.0)


def _winner(history: History, members: np.ndarray) -> int:
    """Return the first of the `members` that the fewest others beat in every objective."""
    values = history.values[members]
    fits = _feasible(history, members)
    beats = (values[:, None] >= values).all(axis=2) & (values[:, None] > values).any(axis=2)
    beats = (fits[:, None] & ~fits) | (beats & (fits[:, None] == fits))
    return int(members[beats.sum(axis=0).argmin()])


def _feasible(history: History, members: np.ndarray) -> np.ndarray:
    """Return which `members` keep the constraints measured on them."""
    broken = {
        row.tobytes()
        for row, values in zip(history.measured_rows, history.measured, strict=True)
        if (values > 0).any()
    }
    return np.array([history.rows[i].tobytes() not in broken for i in members])


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return RegularizedEvolution(problem)
