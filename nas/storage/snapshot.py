"""Reads an SQLite file that may not be written: through a copy that ends with this process."""

import logging
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)
_WRITE_AHEAD: Final = "-wal"


def may_be_written(file: Path) -> bool:
    """Return whether this user may write an SQLite file, which needs its folder too, or create it."""
    return os.access(file.parent, os.W_OK) and (not file.exists() or os.access(file, os.W_OK))


def snapshot(file: Path) -> Path:
    """Return a copy of an SQLite file as it is now; once for each process and state of the file.

    What is written to the copy is lost when the process ends.
    """
    return _copied(file, _state(file), _state(Path(f"{file}{_WRITE_AHEAD}")))


def _state(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=64)
def _copied(file: Path, *_: tuple[int, int] | None) -> Path:
    copy = Path(_folder().name) / f"{len(list(Path(_folder().name).iterdir()))}-{file.name}"
    ahead, shared = Path(f"{file}{_WRITE_AHEAD}"), Path(f"{file}-shm")
    if ahead.exists() and shared.exists():  # somebody writes it, or was killed
        with (
            closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    else:  # SQLite would have to create the shared memory, and nobody writes without it
        shutil.copyfile(file, copy)
        if ahead.exists():
            shutil.copyfile(ahead, f"{copy}{_WRITE_AHEAD}")
    _log.debug("Reading '%s' through the copy '%s'.", file, copy)
    return copy


@lru_cache(maxsize=1)
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="nas-")
