"""Opens Optuna's storage in SQLite or PostgreSQL, and finds its URL (``--storage``, ``$NAS_STORAGE``)."""

import os
import time
from typing import Final

import optuna
from alembic.migration import MigrationContext
from optuna.storages import RDBStorage
from sqlalchemy import Engine, NullPool, event, inspect
from sqlalchemy.exc import DBAPIError, IntegrityError

from nas.storage.database import (
    check_creatable,
    checked_database,
    engine_options,
    is_read_only,
    is_true_of_existing,
    prepare_sqlite,
    storage_errors,
)
from nas.storage.secrets import without_password
from nas.storage.user_view import optuna_storage
from search_spaces.errors import StorageError, StudyError

DEFAULT_URL: Final = "sqlite:///nas.db"
_TABLE: Final = "studies"  # of Optuna
_ATTEMPTS: Final = 20
_PAUSE_S: Final = 0.1
_DUPLICATE_TABLE: Final = "42P07"  # SQLSTATE of PostgreSQL, whose messages may be translated


def storage_url(given: str | None) -> str:
    """Return the given URL, else ``$NAS_STORAGE``, else that of an SQLite file in the working folder.

    Raises:
        StorageError: if it cannot be read.
    """
    url = given or os.environ.get("NAS_STORAGE") or DEFAULT_URL
    checked_database(url)
    return url


def open_storage(url: str) -> RDBStorage:
    """Return Optuna's storage at a database URL, prepared for one writer and many readers.

    A missing SQLite file is created. One that may not be written is read through a copy.

    Args:
        url: ``sqlite:///file.db`` or ``postgresql://user:password@host/database``.

    Raises:
        StorageError: if the URL cannot be read, the database cannot be reached, or another version of Optuna
            made it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # progress is shown by the console
    checked_database(url)
    literal = url.replace("{", "{{").replace("}", "}}")  # Optuna fills in a template
    try:
        with storage_errors(url):
            _create_tables(literal, url)
            options = {"engine_kwargs": engine_options(url), "skip_table_creation": True}  # they are there
            storage = optuna_storage(literal, **options)
    except RuntimeError as error:  # raised by Optuna for a schema of another version
        reason = str(error).strip().partition("\n")[0]
        raise StorageError(f"Cannot use the storage '{without_password(url)}': {reason}") from error
    if storage.engine.dialect.name == "sqlite":
        event.listen(storage.engine, "connect", prepare_sqlite)
        storage.engine.dispose()  # connections made before the listener are not prepared
    return storage


def _create_tables(literal: str, url: str) -> None:
    """Create Optuna's tables if any is missing; several processes may do so at once.

    Optuna looks which tables are missing and then creates them, and fails where another process has created
    one in between.
    """
    if is_true_of_existing(url, _is_complete):
        return
    options = {**engine_options(url), "poolclass": NullPool}  # an attempt that fails leaves no connection
    for left in reversed(range(_ATTEMPTS)):
        try:
            RDBStorage(literal, engine_kwargs=options)
        except DBAPIError as error:
            if not (left and _is_created_meanwhile(error)):
                raise
        else:
            return
        time.sleep(_PAUSE_S)


def _is_complete(engine: Engine) -> bool:
    """Return whether a database has the revision of Optuna's tables, which is written last."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() is not None


def _is_created_meanwhile(error: DBAPIError) -> bool:
    """Return whether a table or its first row could not be created because it is there already."""
    return (
        isinstance(error, IntegrityError)
        or getattr(error.orig, "sqlstate", None) == _DUPLICATE_TABLE
        or "already exists" in str(error.orig)
    )


def existing_storage(url: str, *, writing: bool = False) -> RDBStorage:
    """Return Optuna's storage at a database URL that somebody has searched in; nothing is created.

    Args:
        url: ``sqlite:///file.db`` or ``postgresql://user:password@host/database``.
        writing: Whether it has to be writable.

    Raises:
        StudyError: if there is no such file, or no study was ever begun in the database.
        StorageError: if it may not be written, or as for `open_storage`.
    """
    checked_database(url)
    if not exists(url):
        raise no_search_in(url)
    if writing:
        check_writable(url)
    return open_storage(url)


def no_search_in(url: str) -> StudyError:
    """Return the error for a storage without a search."""
    return StudyError(
        f"No search in {without_password(url)} yet: expected one made by nas search. "
        f"Begin with: nas search --budget 300M-MACs"
    )


def exists(url: str) -> bool:
    """Return whether a database is there and has Optuna's tables; nothing is created.

    Raises:
        StorageError: if it cannot be reached, or is none.
    """
    return is_true_of_existing(url, lambda engine: inspect(engine).has_table(_TABLE))


def check_writable(url: str) -> None:
    """Check that this user may write to a database.

    Raises:
        StorageError: if it is an SQLite file that may only be read.
    """
    if is_read_only(url):
        raise StorageError(
            f"The storage '{without_password(url)}' can be read and not written: expected a file, in a "
            f"folder, that you may write to. Copy the folder of the search and go on in the copy."
        )


def check_usable(url: str) -> None:
    """Check that a search can be written to a database: one that is there, or can be created.

    Raises:
        StorageError: if it cannot be reached, is none, or may not be written.
    """
    check_writable(url)
    check_creatable(url)
    exists(url)  # raises if it does not answer
