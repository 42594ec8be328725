"""What a proposal and an early stop may rest on, so that every run of a search makes the same ones.

Trainings that run side by side finish in another order each time. A reproducible search therefore looks at a
trial before its outcome only as far as every run has come by then:

* The trials before it are begun in their order. With `slots` trainings side by side, all but the last
  ``slots - 1`` of them have begun to train long enough ago to have reached the first rung; a proposal waits
  for that, hardly ever long. What was stopped there is known in full, what goes on by its curve up to there.
* All but the last `lag` of them have ended; a proposal waits for that too. Waiting for more would leave slots
  idle while the longest training goes on (`tests/benchmarks/results/reproducible_cost.md`).
* An early stop compares a training with all trials before it that reached the rung, and with none after it.

What a clock decides differs all the same: measured latencies, a limit of hours, memory that others take.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from nas.study import trial_attributes


class NotYetError(Exception):
    """A proposal that has to wait for another trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTrials:
    """Shows trials as every run of a search knows them when a certain trial is proposed.

    Attributes:
        slots: Number of trainings side by side that the search began with, at least 1.
        rung: First epoch after which trainings are stopped early; None where none are.
    """

    slots: int
    rung: int | None

    @property
    def lag(self) -> int:
        """Number of the latest trials that need not have ended when the next is proposed.

        The more run side by side, the longer is the longest among them.
        """
        return self.slots * (2 + math.ceil(math.log2(self.slots))) if self.slots > 1 else 1

    def missing(self, trials: Sequence[FrozenTrial], number: int) -> int | None:
        """Return the number of a trial that a proposal has to wait for, None if it need not wait.

        Args:
            trials: All trials of the study.
            number: Number of the trial that is proposed.
        """
        for age, trial in self._begun(trials, number):
            if age >= self.lag and not trial.state.is_finished():
                return trial.number
            if age >= self.slots and self._at_rung(trial) is None:
                return trial.number
        return None

    def seen(self, trials: Sequence[FrozenTrial], number: int) -> list[FrozenTrial]:
        """Return the trials that a proposal may rest on, as it may see them, and itself.

        Args:
            trials: All trials of the study, in the order of their numbers.
            number: Number of the trial that is proposed.
        """
        hidden = {}
        for age, trial in self._begun(trials, number):
            if age < self.slots:
                hidden[trial.number] = trial_attributes.as_it_was(trial, 0)
            elif age < self.lag:
                hidden[trial.number] = self._at_rung(trial) or trial
        return [hidden.get(trial.number, trial) for trial in trials if trial.number <= number]

    def _begun(self, trials: Sequence[FrozenTrial], number: int) -> list[tuple[int, FrozenTrial]]:
        """Return the trials before one that began to train, each with how many began since, from 1."""
        begun = [
            t for t in trials if t.number < number and t.state != TrialState.WAITING and not _dismissed(t)
        ]
        return list(zip(range(len(begun), 0, -1), begun, strict=True))

    def _at_rung(self, trial: FrozenTrial) -> FrozenTrial | None:
        """Return a trial as it was after the decision at the first rung, None before that."""
        if self.rung is None:  # nothing is known before the end, and nothing waited for
            return trial_attributes.as_it_was(trial, 0)
        if trial_attributes.went_on(trial, self.rung):
            return trial_attributes.as_it_was(trial, self.rung)
        return trial if trial.state.is_finished() else None


def _dismissed(trial: FrozenTrial) -> bool:
    """Return whether a network was never trained, which was decided before the next was proposed."""
    return trial.state == TrialState.PRUNED and not trial.intermediate_values
