"""Search algorithm `evolution`: regularised evolution (Real et al., 2019, https://arxiv.org/abs/1802.01548).

The population is the last complete trials; one parameter of the best of a few drawn from it is changed.
The oldest leave the population, good or bad: that is the regularisation.
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
from nas.samplers._feasible_sampler import FeasibleSampler

_POPULATION: Final = 20
_TOURNAMENT: Final = 5
_OFFSPRING: Final = 64  # children made per trial, of which the first feasible new one is proposed


@final
class RegularizedEvolution(FeasibleSampler):
    """Prefers children of the best of a few recent trials, once there are enough trials."""

    @override
    def preferred(self, rng: np.random.Generator, study: Study, trial: FrozenTrial, history: History) -> Rows:
        whole = np.flatnonzero(history.fidelity == 1)
        if len(whole) + len(history.pending) < _POPULATION or not len(whole):
            return self.region.draw(rng, _OFFSPRING)
        population = whole[-_POPULATION:]
        size = min(_TOURNAMENT, len(population))
        drawn = [rng.choice(population, size, replace=False) for _ in range(_OFFSPRING)]
        parents = [_winner(history, members) for members in drawn]
        return self.region.grid.changed(rng, history.rows[parents], 0.0)


def _winner(history: History, members: np.ndarray) -> int:
    """Return the first of the `members` that the fewest others dominate."""
    values = history.values[members]
    feasible = _feasible(history, members)
    dominates = (values[:, None] >= values).all(axis=2) & (values[:, None] > values).any(axis=2)
    dominates = (feasible[:, None] & ~feasible) | (dominates & (feasible[:, None] == feasible))
    return int(members[dominates.sum(axis=0).argmin()])


def _feasible(history: History, members: np.ndarray) -> np.ndarray:
    """Return whether each of the `members` keeps its measured constraints."""
    broken = {
        row.tobytes()
        for row, values in zip(history.measured_rows, history.measured, strict=True)
        if (values > 0).any()
    }
    return np.array([history.rows[i].tobytes() not in broken for i in members])


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return RegularizedEvolution(problem)
