"""Who trains what: how the drivers of one study keep out of each other's way."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable


class NoTurnError(Exception):
    """A wait for one's turn that was given up because it was no longer wanted."""


@runtime_checkable
class TrialOwnership(Protocol):
    """What a driver asks before it begins, goes on with or writes into a trial."""

    def turn(self, given_up: Callable[[], bool]) -> AbstractContextManager[frozenset[int]]:
        """Be the only one that proposes, and know the trials that others train.

        Args:
            given_up: Whether the turn is no longer wanted; then `NoTurnError` is raised.
        """

    def take(self, trial: int) -> None:
        """Become the holder of a trial, in one's turn."""

    def drop(self, trial: int) -> None:
        """Give up a trial that has ended or is not continued here."""

    def holds(self, trial: int) -> bool:
        """Return whether a trial that was taken is still ours."""


class SoleDriver:
    """A study that only this driver searches, because it holds the study's lock."""

    @contextmanager
    def turn(self, given_up: Callable[[], bool]) -> Iterator[frozenset[int]]:
        """Return at once: nobody else proposes, and what runs was left by a driver that died."""
        del given_up
        yield frozenset()

    def take(self, trial: int) -> None:
        """Do nothing: all trials are ours."""

    def drop(self, trial: int) -> None:
        """Do nothing: all trials are ours."""

    def holds(self, trial: int) -> bool:
        """Return that it is."""
        del trial
        return True
