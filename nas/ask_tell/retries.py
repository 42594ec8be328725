"""Retries trainings whose process died: how often each died without progress, and which wait for a retry."""

from typing import Final

from optuna.trial import FrozenTrial

MOST_DEATHS: Final = 3  # attempts without a new epoch after which a training has failed


class RetryCounter:
    """Counts how often the trainings of one driver died.

    A training whose process or machine dies goes on from its checkpoint. Only deaths without a new epoch in
    between count, so that a training that makes progress is never given up.

    Attributes:
        waiting: Numbers of the trials that are to be handed out again.
    """

    def __init__(self) -> None:
        self.waiting: set[int] = set()
        self._deaths: dict[int, tuple[int, int]] = {}

    def died(self, trial: FrozenTrial) -> bool:
        """Note that the process of a training died, and return whether the training is tried again.

        Args:
            trial: The trial as the study has it, with the epochs that were reported.
        """
        reached = trial.last_step or 0
        before, deaths = self._deaths.get(trial.number, (reached, 0))
        deaths = deaths + 1 if reached == before else 1
        self._deaths[trial.number] = reached, deaths
        if deaths >= MOST_DEATHS:
            return False
        self.waiting.add(trial.number)
        return True
