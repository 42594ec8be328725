"""A folder for the files of one Ray session on this machine: short, private, and removed with the session."""

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from search_spaces.errors import UserError

MOST_BYTES: Final = 40 if sys.platform == "linux" else 36
"""Longest path of the folder: the paths of sockets below it may have 107 bytes on Linux, 103 on macOS."""

_PREFIX: Final = "nas-ray-"
_RANDOM: Final = 8  # characters that `tempfile` appends
_LOCK: Final = "driver.lock"
_YOUNG_S: Final = 3600.0  # a folder without a lock may still be on its way
_SHORT: Final = ("/tmp", "/var/tmp", "/dev/shm")  # the folder in it is private


@contextmanager
def session_folder(among: Sequence[str] | None = None) -> Iterator[Path]:
    """Yield an empty folder for Ray, which is removed after the block; removes those of drivers that died.

    Args:
        among: Folders to take in this order; by default ``$RAY_TMPDIR`` alone where it is set, else
            ``$TMPDIR``, then what the system has.

    Raises:
        UserError: if none of them is short enough and can be written.
    """
    folder = _made(_places() if among is None else among)
    remove_abandoned(folder.parent)
    with (folder / f"new-{_LOCK}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / f"new-{_LOCK}").rename(folder / _LOCK)  # a lock that is not held yet looks abandoned
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # a process of Ray may be writing its last line


def remove_abandoned(place: Path) -> None:
    """Remove the folders in `place` whose driver was killed; the kernel has freed their locks."""
    for folder in place.glob(f"{_PREFIX}*"):
        try:
            with (folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            _remove_old(folder)
        except OSError:  # in use, or another user's
            continue


def _remove_old(folder: Path) -> None:
    try:
        if time.time() - folder.stat().st_mtime > _YOUNG_S:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # another process was faster
        return


def _places() -> Sequence[str]:
    chosen = os.environ.get("RAY_TMPDIR")
    return [chosen] if chosen else list(dict.fromkeys([tempfile.gettempdir(), *_SHORT]))


def _made(places: Sequence[str]) -> Path:
    reasons = []
    for place in places:
        path = os.path.realpath(place)
        most = MOST_BYTES - len(f"/{_PREFIX}") - _RANDOM
        if len(os.fsencode(path)) > most:
            reasons.append(f"'{place}' has {len(os.fsencode(path))} characters")
            continue
        try:
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=path))
        except OSError as error:
            reasons.append(f"'{place}': {error.strerror or error}")
    raise UserError(
        f"Cannot make a folder for the sockets of Ray: {', '.join(reasons)}. Expected one of at most "
        f"{MOST_BYTES - len(_PREFIX) - _RANDOM - 1} characters that can be written: name one in RAY_TMPDIR."
    )
