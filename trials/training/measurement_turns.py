"""Lets measurements in between the steps of a training, where a host does both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from trials import device_lock


@runtime_checkable
class Turns(Protocol):
    """What a training calls between its steps.

    Attributes:
        waited_s: Seconds spent waiting for measurements so far.
    """

    waited_s: float

    def step(self) -> None:
        """Let a waiting measurement in, now and then."""


@contextmanager
def turns_on(lock: Path | None, clock: Callable[[], float]) -> Iterator[Turns]:
    """Take turns with measurements through the host's `lock`; without one, nobody measures."""
    if lock is None:
        yield _Undisturbed()
    else:
        with device_lock.training(lock, clock=clock) as turns:
            yield turns


class _Undisturbed:
    waited_s = 0.0

    def step(self) -> None:
        return
