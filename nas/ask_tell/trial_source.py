"""Interface of what hands out trainings one by one: the networks of a search, or those of a comparison."""

from typing import Protocol, runtime_checkable

from search_spaces.architecture import Architecture


@runtime_checkable
class Planned(Protocol):
    """A training whose trial is running.

    Attributes:
        number: Number of its trial.
        architecture: What is trained.
    """

    @property
    def number(self) -> int:
        """Number of its trial."""

    @property
    def architecture(self) -> Architecture:
        """What is trained."""


@runtime_checkable
class TrialSource(Protocol):
    """Hands out trials, each once, to the driver that owns it."""

    def next(self, wanted: float) -> Planned:
        """Return the next training; its trial is running.

        Args:
            wanted: Number of trained networks that are enough.

        Raises:
            EnoughError: if as many are trained or being trained.
            NotYetError: if it has to wait for another trial.
            StoppedError: if the search ends before one is found.
            UserError: if nothing is left to train.
        """

    def owns(self, number: int) -> bool:
        """Return whether a trial that was handed out may still be written into."""

    def ended(self, number: int) -> None:
        """Note that a trial which was handed out is not trained here any more."""
