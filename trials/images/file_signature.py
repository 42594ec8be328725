"""Hash of the files of a data set, by which its decoded images are found again; reads no file.

What nas writes itself is left out: a folder of images may be the one that nas runs in, with its database and
the files of its studies.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trials.images.folder_rules import is_written_by_nas

_DATABASE: Final = "nas.db"
_DATABASES: Final = (".db", ".sqlite", ".sqlite3")
_JOURNALS: Final = ("-journal", "-wal", "-shm")  # that SQLite adds to the name of a database


def signature(path: Path) -> str:
    """Return a hash of the names, sizes and modification times of the files at or below `path`.

    Without folders and databases of nas; files that vanish meanwhile do not count.
    """
    listed = sorted(_files(path))
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    if path.is_file():
        yield path.name, path.stat().st_size, path.stat().st_mtime_ns
        return
    seen = {_place(path)}
    for folder, inner, names in os.walk(path, followlinks=True):
        others = [name for name in sorted(inner) if not is_written_by_nas(Path(folder, name))]
        beside_runs = len(others) < len(inner)
        inner[:] = [name for name in others if _is_new(Path(folder, name), seen)]
        for name in names:
            if _is_database(name, beside_runs=beside_runs):
                continue
            stat = _stat(Path(folder, name))
            if stat is not None:
                yield str(Path(folder, name).relative_to(path)), stat.st_size, stat.st_mtime_ns


def _is_database(name: str, *, beside_runs: bool) -> bool:
    """Return whether a file is a database of studies or its journal, by its name.

    Beside the files of studies it may have any name; elsewhere others than ours count as they always did.
    """
    for suffix in _JOURNALS:
        name = name.removesuffix(suffix)
    return name == _DATABASE or (beside_runs and name.endswith(_DATABASES))


def _is_new(folder: Path, seen: set[tuple[int, int] | None]) -> bool:
    """Return whether a folder is a real one, or a link to one that was not seen before."""
    place = _place(folder)
    is_new = place not in seen or not folder.is_symlink()
    seen.add(place)
    return is_new


def _place(folder: Path) -> tuple[int, int] | None:
    stat = _stat(folder)
    return None if stat is None else (stat.st_dev, stat.st_ino)


def _stat(path: Path) -> os.stat_result | None:
    """Return the facts of a file or folder, or of a link that leads nowhere; None if it is gone."""
    try:
        return path.stat()
    except OSError:
        try:
            return path.lstat()
        except FileNotFoundError:
            return None
