"""Keeps measuring and training on one host apart.

A measurement holds the host alone; trainings hold it together, for about a second of steps at a time.
Whoever wants to measure first closes a gate, so that trainings that come round again wait behind it and
a measurement is never starved. The kernel frees both locks when a process dies.

Standard library only: it also guards machines that are reached by ssh.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

TURN_SECONDS: Final = 1.0
"""How long training steps hold the host before they let a measurement in."""


def host_lock_path() -> Path:
    """Return where every process of this host finds its lock."""
    return Path(tempfile.gettempdir()) / "nas-device.lock"


@contextmanager
def measuring(path: Path, *, clock: Callable[[], float] = time.monotonic) -> Iterator[float]:
    """Hold the host alone; gives the seconds that it took to get it."""
    start = clock()
    with _opened(_gate(path)) as gate, _opened(path) as host:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(host, fcntl.LOCK_EX)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield clock() - start


@contextmanager
def training(path: Path, *, clock: Callable[[], float] = time.monotonic) -> Iterator["Turns"]:
    """Hold the host together with other trainings; call `step` of what it gives after each step."""
    with _opened(_gate(path)) as gate, _opened(path) as host:
        turns = Turns(gate, host, clock)
        turns.take()
        yield turns


class Turns:
    """The turns of one training on a shared host.

    Attributes:
        waited_s: Seconds spent waiting for measurements so far.
    """

    def __init__(self, gate: int, host: int, clock: Callable[[], float]) -> None:
        self.waited_s = 0.0
        self._gate, self._host, self._clock = gate, host, clock
        self._since = 0.0

    def step(self) -> None:
        """Let a waiting measurement in if this turn has lasted long enough."""
        if self._clock() - self._since >= TURN_SECONDS:
            fcntl.flock(self._host, fcntl.LOCK_UN)
            self.take()

    def take(self) -> None:
        """Begin a turn, after any measurement that is waiting or running."""
        start = self._clock()
        fcntl.flock(self._gate, fcntl.LOCK_SH)
        fcntl.flock(self._host, fcntl.LOCK_SH)
        fcntl.flock(self._gate, fcntl.LOCK_UN)
        self._since = self._clock()
        self.waited_s += self._since - start


def _gate(path: Path) -> Path:
    return path.with_name(path.name + ".gate")


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open the file for locking; reading suffices, so that users of one host can share it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
