"""Opens the database in which Optuna keeps a search, and says in one line why it cannot."""

import os
from typing import Final

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from search_spaces.errors import StorageError

DEFAULT_URL: Final = "sqlite:///nas.db"
_PATIENCE_S: Final = 60  # how long a write waits for another process's


def storage_url(given: str | None) -> str:
    """Return the URL given, else ``$NAS_STORAGE``, else a file in the working folder."""
    return given or os.environ.get("NAS_STORAGE") or DEFAULT_URL


def open_storage(url: str) -> RDBStorage:
    """Return the storage at a database URL, made ready for one writer beside many readers.

    Args:
        url: ``sqlite:///file.db`` or ``postgresql://user:password@host/database``.

    Raises:
        StorageError: if the URL cannot be read or the database cannot be reached or used.
    """
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise StorageError(
            f"Cannot read the storage '{redacted(url)}': expected a database URL such as {DEFAULT_URL} or "
            f"postgresql://user@host/database."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the progress display speaks instead
    options = {"connect_args": {"timeout": _PATIENCE_S}} if sqlite else {"pool_pre_ping": True}
    try:
        storage = RDBStorage(url, engine_kwargs=options, skip_compatibility_check=False)
        if sqlite and parsed.database not in {None, "", ":memory:"}:
            event.listen(storage.engine, "connect", _set_pragmas)
            storage.engine.dispose()  # connections made before the listener lack its settings
    except (SQLAlchemyError, RuntimeError, OSError, ImportError, ValueError) as error:
        raise StorageError(
            f"Cannot use the storage '{redacted(url)}': {_reason(error)}. Expected a database that can be "
            f"reached and written."
        ) from error
    return storage


def redacted(url: str) -> str:
    """Return the URL without its password, fit for logs and messages."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return url.rpartition("@")[2]  # whatever it is, credentials come before the last @


def study_names(storage: RDBStorage) -> list[str]:
    """Return the names of all studies in a storage, sorted."""
    return sorted(optuna.get_all_study_names(storage=storage))


def _set_pragmas(connection: object, _record: object) -> None:
    """Let readers read while one process writes (write-ahead log), and writers wait their turn."""
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection has no common type
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA busy_timeout={_PATIENCE_S * 1000}")
    cursor.close()


def _reason(error: BaseException) -> str:
    """Return the innermost cause in one short line."""
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0].rstrip(".")[:200]
