"""Host-wide lock that keeps latency measurements and trainings from running at the same time.

A measurement holds the lock exclusively; trainings share it, for about a second of steps at a time. A
measurement first locks a gate, so that trainings that come back for the lock wait behind it and never starve
the measurement. The kernel frees both locks when a process dies.

Standard library only: it also runs on machines that are reached by ssh.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SHARED: Final = Path("/tmp")
_NAME: Final = "nas-device.lock"

TURN_SECONDS: Final = 1.0
"""Seconds of training after which a waiting measurement may run."""


def host_lock_path() -> Path:
    """Return the path of the lock file that all processes of this host share, whatever their ``$TMPDIR``."""
    shared = _SHARED / _NAME
    if shared.exists() or os.access(_SHARED, os.W_OK | os.X_OK):
        return shared
    return Path(tempfile.gettempdir()) / _NAME


def check(path: Path) -> None:
    """Make the lock if it is absent, and open it once.

    Raises:
        OSError: if that fails; its ``filename`` is the file.
    """
    with _opened(_gate(path)), _opened(path):
        return


@contextmanager
def measuring(path: Path, *, clock: Callable[[], float] = time.monotonic) -> Iterator[float]:
    """Hold the lock exclusively, for a measurement; gives the seconds of waiting for it."""
    start = clock()
    with _opened(_gate(path)) as gate, _opened(path) as host:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(host, fcntl.LOCK_EX)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield clock() - start


@contextmanager
def training(path: Path, *, clock: Callable[[], float] = time.monotonic) -> Iterator["Turns"]:
    """Hold the lock together with other trainings; call `step` of the yielded turns after each step."""
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
        """Let a waiting measurement run if this turn has lasted for `TURN_SECONDS`."""
        if self._clock() - self._since >= TURN_SECONDS:
            fcntl.flock(self._host, fcntl.LOCK_UN)
            self.take()

    def take(self) -> None:
        """Begin a turn after all measurements that wait or run."""
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
    """Open a file for locking; read access suffices, so that all users of the host can share it."""
    if not path.exists():
        _make(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make(path: Path) -> None:
    """Make an empty file that all users can read, whatever the umask; keep the one that is there by now."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}-")
    try:
        os.fchmod(descriptor, 0o644)
        os.link(name, path)  # in one step: nobody sees it before it can be read
    except FileExistsError:
        return
    except OSError:  # a file system without links
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
            path.chmod(0o644)
    finally:
        os.close(descriptor)
        Path(name).unlink()
