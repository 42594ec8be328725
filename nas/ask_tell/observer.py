"""Interface of those who watch a search: trainings start, finish an epoch and end."""

from typing import Protocol, runtime_checkable

from dashboards.result import Epoch, TrialResult
from trials.training.epoch_progress import EpochProgress


@runtime_checkable
class SearchObserver(Protocol):
    """Receives the events of a search, for example a progress display."""

    def started(self, network: TrialResult, *, resumed: bool) -> None:
        """A training began, or goes on after a crash."""

    def epoch(self, trial: int, epoch: Epoch) -> None:
        """A training finished an epoch."""

    def progress(self, trial: int, progress: EpochProgress) -> None:
        """A training is within an epoch that takes long."""

    def ended(self, trial: int, state: str, reason: str | None, value: float | None = None) -> None:
        """A training ended, if at its last epoch with the value that its network has in the search."""

    def say(self, line: str) -> None:
        """Something else happened, described in one line."""
