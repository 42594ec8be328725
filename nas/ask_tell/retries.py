"""How often trainings died, and which of them wait to be tried again."""

from typing import Final

from optuna.trial import FrozenTrial

MOST: Final = 3  # attempts that end without an epoch more


class RetryCounter:
    """Of the trainings of one driver.

    A training whose process or machine dies goes on from its checkpoint. Whoever gets on is never given
    up: only deaths without a new epoch in between count.

    Attributes:
        waiting: Numbers of the trials that are to be handed out again.
    """

    def __init__(self) -> None:
        self.waiting: set[int] = set()
        self._deaths: dict[int, tuple[int, int]] = {}

    def died(self, trial: FrozenTrial) -> bool:
        """Note that what trained a trial died, and return whether it is worth another attempt.

        Args:
            trial: As the study has it, with the epochs that were reported.
        """
        reached = trial.last_step or 0
        before, deaths = self._deaths.get(trial.number, (reached, 0))
        deaths = deaths + 1 if reached == before else 1
        self._deaths[trial.number] = reached, deaths
        if deaths >= MOST:
            return False
        self.waiting.add(trial.number)
        return True
