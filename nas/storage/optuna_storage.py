"""Opens the database in which Optuna keeps a search, and says in one line why it cannot."""

import os
from typing import Final

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import event

from nas.storage.database import connect, prepare_sqlite, storage_errors, without_password
from search_spaces.errors import StorageError

DEFAULT_URL: Final = "sqlite:///nas.db"


def storage_url(given: str | None) -> str:
    """Return the URL given, else ``$NAS_STORAGE``, else a file in the working folder."""
    return given or os.environ.get("NAS_STORAGE") or DEFAULT_URL


def open_storage(url: str) -> RDBStorage:
    """Return the storage at a database URL, made ready for one writer beside many readers.

    Args:
        url: ``sqlite:///file.db`` or ``postgresql://user:password@host/database``.

    Raises:
        StorageError: if the URL cannot be read, or the database cannot be reached or is of another version.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the progress display speaks instead
    engine = connect(url)  # says what is wrong with the URL
    sqlite = engine.dialect.name == "sqlite"
    engine.dispose()
    options = {"connect_args": {"timeout": 60}} if sqlite else {"pool_pre_ping": True}
    try:
        with storage_errors(url):
            storage = RDBStorage(url, engine_kwargs=options)
    except RuntimeError as error:  # Optuna's word for a schema of another version
        reason = str(error).strip().partition("\n")[0]
        raise StorageError(f"The storage '{without_password(url)}' is not used: {reason}") from error
    if sqlite:
        event.listen(storage.engine, "connect", prepare_sqlite)
        storage.engine.dispose()  # connections made before the listener lack its settings
    return storage
