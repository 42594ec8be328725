"""Waits for a database or a place of files that has gone away, and tells that from a disk that is full."""

import errno
import logging
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from search_spaces.errors import FilesError, StorageError

_log = logging.getLogger(__name__)
T = TypeVar("T")
PATIENCE_S: Final = 900.0
_PAUSE_S: Final = 1.0
_FULL: Final = ("no space left on device", "disk is full", "disk quota exceeded")


def is_full(error: BaseException) -> bool:
    """Return whether a disk without space is what an error comes from."""
    return any(
        (isinstance(e, OSError) and e.errno in {errno.ENOSPC, errno.EDQUOT})
        or any(words in str(e).lower() for words in _FULL)
        for e in _chain(error)
    )


def is_outage(error: BaseException) -> bool:
    """Return whether an error comes from a database, or a place of files, that may soon answer again."""
    return not is_full(error) and any(
        isinstance(e, OperationalError | InterfaceError)
        or (isinstance(e, DBAPIError) and e.connection_invalidated)
        or (isinstance(e, FilesError) and e.passing)
        for e in _chain(error)
    )


class Retry:
    """Repeats what fails for want of the database, or of a place of files, until it answers.

    Args:
        say: Tells the user a line.
        stopped: Whether nobody waits any longer.
        patience_s: How long it waits.
        sleep: Waits so many seconds.
        clock: Returns seconds that only rise.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        stopped: Callable[[], bool],
        *,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell, self._stopped = say, stopped
        self._patience_s, self._sleep, self._clock = patience_s, sleep, clock

    def __call__(self, operation: Callable[[], T]) -> T:
        """Return what `operation` returns; it is one that may be repeated.

        Raises:
            StorageError: if the database stays away, a disk is full, or nobody waits any longer.
            FilesError: if the place of files stays away, or nobody waits any longer.
        """
        began: float | None = None
        who = ""
        while True:
            try:
                result = operation()
            except Exception as error:
                if not (is_outage(error) or is_full(error)):
                    raise
                if is_full(error):
                    raise StorageError(
                        f"A disk is full ({_reason(error)}). Nothing that was finished is "
                        f"lost: make room, then give the same command again to go on."
                    ) from error
                if began is None:
                    began, who = self._clock(), _who(error)
                    minutes = self._patience_s / 60
                    self._say(f"{who} does not answer; waiting up to {minutes:.3g} min for it")
                if self._stopped() or self._clock() - began >= self._patience_s:
                    kind = FilesError if isinstance(error, FilesError) else StorageError
                    raise kind(
                        f"{who} went away and did not come back within "
                        f"{self._clock() - began:.0f} s ({_reason(error)}). Make it answer, then give the "
                        f"same command again to go on."
                    ) from error
                self._sleep(_PAUSE_S)
            else:
                if began is not None:
                    self._say(f"{who} answers again after {self._clock() - began:.0f} s")
                return result

    def _say(self, line: str) -> None:
        self._tell(line)
        _log.warning("%s.", line)  # a search that prints only its result says it here


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _who(error: BaseException) -> str:
    return "The place of the checkpoints" if isinstance(error, FilesError) else "The database"


def _reason(error: BaseException) -> str:
    """Return what the database said first, which holds no password."""
    last = next((e for e in _chain(error) if isinstance(e, DBAPIError)), None)
    said = str(last.orig if last is not None else error).strip()
    return said.partition("\n")[0][:200]
