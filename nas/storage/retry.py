"""Retries operations while the database or the checkpoint storage is unreachable; detects a full disk."""

import errno
import logging
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from nas.storage.file_size_limit import file_size_limit
from search_spaces.errors import FilesError, StorageError

_log = logging.getLogger(__name__)
T = TypeVar("T")
TIMEOUT_S: Final = 900.0
_PAUSE_S: Final = 1.0
_FULL: Final = ("no space left on device", "disk is full", "disk quota exceeded", "file too large")
_SQLITE_IO_ERROR: Final = "disk i/o error"  # what SQLite says of a file at the size limit of its process


def is_full(error: BaseException) -> bool:
    """Return whether a full disk, or a file at the size limit of its process, caused an error."""
    full = _FULL if file_size_limit() is None else (*_FULL, _SQLITE_IO_ERROR)
    return any(
        (isinstance(e, OSError) and e.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
        or any(words in str(e).lower() for words in full)
        for e in _chain(error)
    )


def is_outage(error: BaseException) -> bool:
    """Return whether an unreachable database or checkpoint storage caused an error."""
    return not is_full(error) and any(
        isinstance(e, OperationalError | InterfaceError)
        or (isinstance(e, DBAPIError) and e.connection_invalidated)
        or (isinstance(e, FilesError) and e.passing)
        for e in _chain(error)
    )


class Retry:
    """Repeats an operation while the database or the checkpoint storage is unreachable.

    Args:
        report_line: Called with a line when the outage begins and when it ends.
        stopped: Returns whether waiting should end early.
        timeout_s: Longest wait in seconds.
        sleep: Waits for a number of seconds.
        clock: Returns monotonic time in seconds.
    """

    def __init__(
        self,
        report_line: Callable[[str], None],
        stopped: Callable[[], bool],
        *,
        timeout_s: float = TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report_line, self._stopped = report_line, stopped
        self._timeout_s, self._sleep, self._clock = timeout_s, sleep, clock

    def __call__(self, operation: Callable[[], T]) -> T:
        """Return the result of `operation`, which must be safe to repeat.

        Raises:
            StorageError: if the database stays unreachable, a disk is full, or waiting was ended early.
            FilesError: if the checkpoint storage stays unreachable, or waiting was ended early.
        """
        began_s: float | None = None
        service = ""
        while True:
            try:
                result = operation()
            except Exception as error:
                if not (is_outage(error) or is_full(error)):
                    self._report_end(began_s, service)  # it answers, if not as was asked
                    raise
                if is_full(error):
                    raise StorageError(no_room(error)) from error
                if began_s is None:
                    began_s, service = self._clock(), _service(error)
                    minutes = self._timeout_s / 60
                    self._report(f"{service} does not answer; retrying for up to {minutes:.3g} min")
                self._pause(error, service, self._clock() - began_s)
            else:
                self._report_end(began_s, service)
                return result

    def _pause(self, error: Exception, service: str, waited_s: float) -> None:
        """Wait before the next attempt.

        Raises:
            StorageError: if the database was unreachable for too long, or waiting was ended early.
            FilesError: the same of the checkpoint storage.
        """
        if self._stopped() or waited_s >= self._timeout_s:
            kind = FilesError if isinstance(error, FilesError) else StorageError
            raise kind(
                f"{service} was unreachable for {waited_s:.0f} s ({message_of(error)}). Check that it "
                f"is running and reachable, then run the same command again to resume."
            ) from error
        self._sleep(_PAUSE_S)

    def _report_end(self, began_s: float | None, service: str) -> None:
        if began_s is not None:
            self._report(f"{service} answers again after {self._clock() - began_s:.0f} s")

    def _report(self, line: str) -> None:
        self._report_line(line)
        _log.warning("%s.", line)  # also seen with --json, which hides progress


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _service(error: BaseException) -> str:
    return "Checkpoint storage" if isinstance(error, FilesError) else "The database"


def no_room(error: BaseException) -> str:
    """Return in a line that there is no room for a file, and why."""
    limit = file_size_limit()
    if limit is None:
        cause, remedy = f"A disk is full ({message_of(error)})", "free some space"
    else:
        cause = f"A file cannot grow ({message_of(error)}): this process may write files of up to "
        cause, remedy = f"{cause}{limit / 2**10:.0f} KiB", "raise the limit (ulimit -f)"
    return f"{cause}. All finished trials are stored: {remedy}, then run the same command again to resume."


def message_of(error: BaseException) -> str:
    """Return the first line of the database's message, which holds no password."""
    last = next((e for e in _chain(error) if isinstance(e, DBAPIError)), None)
    message = str(last.orig if last is not None else error).strip()
    return message.partition("\n")[0][:200]
