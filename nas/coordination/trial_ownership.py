"""Interface to the ownership of trials: `SoleDriver` owns them all, `Leases` shares them among drivers."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol, runtime_checkable

EVALUATION: Final = -1
"""Number that no trial has: who owns it does the work of the evaluator, and other drivers wait."""


class NoTurnError(Exception):
    """Waiting for a turn was stopped before the turn came."""


@runtime_checkable
class TrialOwnership(Protocol):
    """What a driver calls before it starts, resumes or writes into a trial."""

    def turn(self, given_up: Callable[[], bool]) -> AbstractContextManager[frozenset[int]]:
        """Wait until no other driver proposes; yield the numbers of trials that others train.

        Args:
            given_up: Returns whether to stop waiting; then `NoTurnError` is raised.
        """

    def take(self, trial: int) -> None:
        """Become the owner of a trial; call it in a turn."""

    def drop(self, trial: int) -> None:
        """Release a trial that has ended or is not continued by this driver."""

    def holds(self, trial: int) -> bool:
        """Return whether this driver still owns a trial that it took."""


class SoleDriver:
    """Owns all trials: this driver alone searches the study, because it holds the study's lock."""

    @contextmanager
    def turn(self, given_up: Callable[[], bool]) -> Iterator[frozenset[int]]:
        """Yield at once: no other driver proposes, and running trials were left by a dead driver."""
        del given_up
        yield frozenset()

    def take(self, trial: int) -> None:
        """Do nothing: this driver owns all trials."""

    def drop(self, trial: int) -> None:
        """Do nothing: this driver owns all trials."""

    def holds(self, trial: int) -> bool:
        """Return True."""
        del trial
        return True
