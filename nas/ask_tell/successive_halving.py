"""Prunes trainings at the rungs of a recipe by asynchronous successive halving."""

from collections.abc import Sequence
from typing import Final

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial
from typing_extensions import override


class RungHalving(BasePruner):
    """At each rung, lets a training go on that is among the best share of those that reached the rung.

    Li et al., 2020, https://arxiv.org/abs/1810.05934. Unlike Optuna's pruner it decides at the epochs of a
    recipe and at no multiples of them, and reads the values from the learning curves, so that a study that
    is resumed needs nothing else. The first training at a rung goes on.

    Args:
        rungs: Epochs after which it decides.
        reduction: Reduction factor: one in so many trainings goes on.
    """

    def __init__(self, rungs: Sequence[int], reduction: int) -> None:
        self.rungs: Final = tuple(rungs)
        self.reduction: Final = reduction

    @override
    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Return whether the training is to end with its last epoch."""
        step = trial.last_step
        if step not in self.rungs:
            return False
        own = trial.intermediate_values[step]
        others = [
            other.intermediate_values[step]
            for other in study.get_trials(deepcopy=False)
            if step in other.intermediate_values and other.number != trial.number
        ]
        ranked = sorted([own, *others], reverse=True)
        least = ranked[max(1, len(ranked) // self.reduction) - 1]
        return not own >= least  # a nan is pruned
