"""When a search ends, and how it says that it has to end before."""

from dataclasses import dataclass

from search_spaces.errors import UserError


class CutShortError(UserError):
    """A search that cannot go on here and now; what was finished is kept."""


@dataclass(slots=True, kw_only=True)
class StoppingCriteria:
    """When a search ends; changed from outside while it runs.

    Attributes:
        trials: Trained networks, over all starts of the study.
        failures: Failed trainings in this run after which it gives up.
        deadline: On the monotonic clock, in seconds; None for no end.
        draining: Whether no further training is started.
        stopping: Whether running trainings are stopped too.
    """

    trials: int
    failures: int
    deadline: float | None = None
    draining: bool = False
    stopping: bool = False

    def over(self, now: float) -> bool:
        """Return whether running trainings are to be stopped."""
        return self.stopping or (self.deadline is not None and now >= self.deadline)
