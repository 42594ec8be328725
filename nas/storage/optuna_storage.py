"""Opens Optuna's storage in SQLite or PostgreSQL, and finds its URL (``--storage``, ``$NAS_STORAGE``)."""

import os
from pathlib import Path
from typing import Final

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import event, make_url

from nas.storage.database import connect, prepare_sqlite, storage_errors, without_password
from search_spaces.errors import StorageError

DEFAULT_URL: Final = "sqlite:///nas.db"


def storage_url(given: str | None) -> str:
    """Return the given URL, else ``$NAS_STORAGE``, else that of an SQLite file in the working folder."""
    return given or os.environ.get("NAS_STORAGE") or DEFAULT_URL


def may_hold_studies(url: str) -> bool:
    """Return whether a storage may hold anything: not where it is an SQLite file that is still to be made."""
    path = make_url(url).database if url.startswith("sqlite") else None
    return path is None or Path(path).exists()


def open_storage(url: str) -> RDBStorage:
    """Return Optuna's storage at a database URL, prepared for one writer and many readers.

    Args:
        url: ``sqlite:///file.db`` or ``postgresql://user:password@host/database``.

    Raises:
        StorageError: if the URL cannot be read, the database cannot be reached, or another version of Optuna
            made it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # progress is shown by the console
    engine = connect(url)  # checks the URL
    sqlite = engine.dialect.name == "sqlite"
    engine.dispose()
    options = {"connect_args": {"timeout": 60}} if sqlite else {"pool_pre_ping": True}
    try:
        with storage_errors(url):
            storage = RDBStorage(url, engine_kwargs=options)
    except RuntimeError as error:  # raised by Optuna for a schema of another version
        reason = str(error).strip().partition("\n")[0]
        raise StorageError(f"Cannot use the storage '{without_password(url)}': {reason}") from error
    if sqlite:
        event.listen(storage.engine, "connect", prepare_sqlite)
        storage.engine.dispose()  # connections made before the listener are not prepared
    return storage
