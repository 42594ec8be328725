"""Prunes trainings at the rungs of a recipe by asynchronous successive halving."""

from collections.abc import Sequence
from typing import Final

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override


class RungHalving(BasePruner):
    """At each rung, lets a training go on that is among the best share of those that reached the rung.

    Li et al., 2020, https://arxiv.org/abs/1810.05934. Unlike Optuna's pruner it decides at the epochs of a
    recipe and at no multiples of them, and reads the values from the learning curves, so that a study that
    is resumed needs nothing else. The first training at a rung goes on.

    Args:
        rungs: Epochs after which it decides.
        reduction: Reduction factor: one in so many trainings goes on.
        in_order: Whether a training is compared with those before it alone, once all of them have reached the
            rung or ended (see `waits`). Then every run of a search decides alike, in whatever order trainings
            reach it.
    """

    def __init__(self, rungs: Sequence[int], reduction: int, *, in_order: bool = False) -> None:
        self.rungs: Final = tuple(rungs)
        self.reduction: Final = reduction
        self.in_order: Final = in_order

    def waits(self, trials: Sequence[FrozenTrial], trial: FrozenTrial) -> bool:
        """Return whether a decision on a training has to wait for those before it.

        Args:
            trials: All trials of the study.
            trial: The training, after its last epoch.
        """
        step = trial.last_step
        return (
            self.in_order
            and step in self.rungs
            and any(
                other.state == TrialState.RUNNING and step not in other.intermediate_values
                for other in trials
                if other.number < trial.number
            )
        )

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
            if step in other.intermediate_values and self._comparable(other, trial)
        ]
        ranked = sorted([own, *others], reverse=True)
        least = ranked[max(1, len(ranked) // self.reduction) - 1]
        return not own >= least  # a nan is pruned

    def _comparable(self, other: FrozenTrial, trial: FrozenTrial) -> bool:
        return other.number < trial.number if self.in_order else other.number != trial.number
