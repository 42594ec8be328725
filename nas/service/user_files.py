"""What a user keeps on disk: data sets that were sent, files of studies, and kept exports."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import optuna
from optuna.storages import BaseStorage

from nas.files.locating import files_of
from nas.service.job import study_of
from nas.service.workers import Workers
from nas.storage.optuna_storage import existing_storage, exists
from nas.study.study import names_of_searches
from search_spaces.errors import FilesError

_log = logging.getLogger(__name__)


def exports_of(storage_path: Path, user: str) -> Path:
    """Return the folder of what commands of a user have written."""
    return storage_path / "service" / "exports" / user


def comparisons_of(storage_path: Path, user: str) -> Path:
    """Return the folder of checkpoints of a user's comparisons: studies of two users can be called alike."""
    return storage_path / "comparisons" / user


def studies_of(url: str, user: str) -> Iterator[optuna.Study]:
    """Yield the studies of a user: those whose names begin with that of the user and a dot.

    Args:
        url: URL of the database.
        user: Name of the user.
    """
    if not exists(url):
        return
    storage = existing_storage(url)
    for name in names_of_user(storage, user):
        try:
            study = optuna.load_study(study_name=name, storage=storage)
        except KeyError:  # it has been deleted meanwhile
            continue
        yield study


def names_of_user(storage: BaseStorage, user: str) -> list[str]:
    """Return the names of a user's searches in the storage."""
    return [name for name in names_of_searches(storage) if name.startswith(study_of(user, ""))]


def disk_bytes(url: str, workers: Workers, user: str) -> int:
    """Return the bytes of a user's data sets, studies and exports; what cannot be reached counts nothing.

    Args:
        url: URL of the database.
        workers: Where the files are.
        user: Name of the user.
    """
    kept = workers.uploads.bytes_of(user) + _export_bytes(exports_of(workers.storage_path, user))
    return kept + sum(map(_bytes, studies_of(url, user)))


def _bytes(study: optuna.Study) -> int:
    try:
        return files_of(study).disk_bytes()
    except FilesError as error:
        _log.warning("%s", error)
        return 0


def _export_bytes(folder: Path) -> int:
    found = 0
    for file in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # a newer one has taken its place meanwhile
            found += file.stat().st_size
    return found
