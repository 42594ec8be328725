"""When a search stops: enough networks, out of time, too many failures, a signal, or a problem."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nas.ask_tell.retries import RetryCounter
from nas.resources import Capacity
from search_spaces.errors import FilesError, StorageError, UserError

_log = logging.getLogger(__name__)


class CutShortError(UserError):
    """A search that cannot go on here and now; what was finished is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingCriteria:
    """What ends a search by itself.

    Attributes:
        trials: Number of trained networks, over all starts of the study.
        failures: Number of different causes of failed trainings in this run at which it gives up.
        deadline: Time on the monotonic clock in seconds; None for no deadline.
    """

    trials: int
    failures: int
    deadline: float | None = None


class SearchControl:
    """Whether a search goes on: shared by those who propose, train, measure and show it.

    Args:
        criteria: What ends the search by itself.
        capacity: How many trainings run side by side.
        clock: Returns monotonic seconds.

    Attributes:
        retries: Trainings whose process died and that wait to be handed out again.
        draining: Whether no further training starts.
        stopping: Whether running trainings are stopped too.
        closing: Whether the backend is leaving; nothing is written any more.
        cluster_gone: Whether the cluster that executes the trainings has gone.
        problem: Why the search cannot go on; None without a problem.
    """

    def __init__(
        self,
        criteria: StoppingCriteria,
        capacity: Capacity,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.criteria: Final = criteria
        self.capacity: Final = capacity
        self.retries: Final = RetryCounter()
        self.draining = self.stopping = self.closing = self.cluster_gone = False
        self.problem: UserError | None = None
        self._clock = clock

    @property
    def over(self) -> bool:
        """Whether running trainings are to be stopped."""
        deadline = self.criteria.deadline
        return self.stopping or (deadline is not None and self._clock() >= deadline)

    def is_ending(self) -> bool:
        """Return whether no new training starts; one that died while the search drains still goes on."""
        return self.closing or self.over or (self.draining and not self.retries.waiting)

    @property
    def wanted(self) -> int:
        """Number of trained networks that are enough now."""
        return 0 if self.draining else self.criteria.trials

    @property
    def unusable(self) -> bool:
        """Whether the storage, the files or the cluster cannot be used any more."""
        return isinstance(self.problem, StorageError | FilesError | CutShortError)

    def stop(self, problem: UserError) -> None:
        """Stop everything because of a problem; running trials stay RUNNING in the study."""
        self.problem = problem
        self.stopping = True
        _log.error("%s", problem)

    def lose_cluster(self, problem: UserError) -> None:
        """Stop everything because the cluster has gone; that is no problem where everything stops anyway."""
        if not self.over:
            self.stop(problem)

    def drain(self, problem: UserError) -> None:
        """Start no further training because of a problem; running ones finish."""
        self.problem = problem
        self.draining = True
