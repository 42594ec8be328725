"""Locks a study's folder with a lock file, so that a second driver is refused."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from nas.files.folder_errors import unwritable
from search_spaces.errors import StudyError


@contextmanager
def study_lock(folder: Path, study: str, *, shared: bool = False) -> Iterator[None]:
    """Lock a study for this process while the block runs; the system releases the lock if it dies.

    Args:
        folder: Folder of the study, in which the lock file is.
        study: Name of the study, for the message.
        shared: Whether other processes may hold shared locks too, as drivers of a study in PostgreSQL do.

    Raises:
        StudyError: if another process holds the lock; the message names its host and process id.
        FilesError: if the folder or the lock file cannot be made or written.
    """
    with _opened(folder / "driver.lock") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise study_in_use(study, file.read().strip() or "another process") from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _opened(file: Path) -> TextIO:
    """Return the lock file, opened; it and its folder are made if they are missing."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("a+", encoding="utf-8")
    except OSError as error:
        raise unwritable(file, error) from error


def study_in_use(study: str, driver: str) -> StudyError:
    """Return the error for a study that a driver searches."""
    return StudyError(
        f"The study '{study}' is being searched by {driver}: expected one search at a time. Wait for "
        f"it, stop it, or choose another name with --study."
    )
