"""Keeps a second driver away from a study that one is already running, and everybody from one in use."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search_spaces.errors import StudyError


@contextmanager
def only_driver(folder: Path, study: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the study for this process while the block runs; the system lets go if it dies.

    Args:
        folder: Of the study; the lock file lies in it.
        study: Its name, for the message.
        shared: Whether others may hold it too that say so; drivers of a study in PostgreSQL do.

    Raises:
        StudyError: if another process holds it; names its host and process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "driver.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise in_use(study, file.read().strip() or "another process") from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def in_use(study: str, driver: str) -> StudyError:
    """Return what is said of a study that a driver has."""
    return StudyError(
        f"The study '{study}' is being searched by {driver}: expected one driver at a time. Wait for it, "
        f"stop it, or choose another name with --study."
    )
