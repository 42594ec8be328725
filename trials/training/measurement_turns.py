"""Pauses a training between steps while a latency measurement runs on the same host."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from trials import device_lock


@runtime_checkable
class Turns(Protocol):
    """Called by a training after each step.

    Attributes:
        waited_s: Seconds spent waiting for measurements so far.
    """

    waited_s: float

    def step(self) -> None:
        """Let a waiting measurement run, about once a second."""


@contextmanager
def take_turns(lock: Path | None, clock: Callable[[], float]) -> Iterator[Turns]:
    """Alternate with measurements through the host's `lock`; None if nothing is measured on this host."""
    if lock is None:
        yield _NoMeasurements()
    else:
        with device_lock.training(lock, clock=clock) as turns:
            yield turns


class _NoMeasurements:
    waited_s = 0.0

    def step(self) -> None:
        return
