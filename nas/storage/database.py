"""Connects to SQLite or PostgreSQL: checks the URL, prepares SQLite (WAL), hides passwords in errors."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from optuna.exceptions import StorageInternalError
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from nas.storage.own_folder import database_file
from nas.storage.retry import is_full, is_outage, message_of, no_room
from nas.storage.secrets import scrubbed, without_password
from nas.storage.snapshot import may_be_written, snapshot
from search_spaces.errors import StorageError

NO_ANSWER: Final = "does not answer as expected"
"""What the line says where a database is away, for who reads the output of a command."""

_BUSY_SECONDS: Final = 60
_DIALECTS: Final = ("sqlite", "postgresql")


def connect(url: str) -> Engine:
    """Return an engine for the database at `url`; no connection is made yet.

    An SQLite file that may not be written is read through a copy.

    Raises:
        StorageError: if it is not a URL of SQLite or PostgreSQL.
    """
    checked_database(url)
    with storage_errors(url):
        engine = create_engine(url, **engine_options(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", prepare_sqlite)
    return engine


def checked_database(url: str) -> None:
    """Check that a URL is one of SQLite or PostgreSQL.

    Raises:
        StorageError: if it is not; a password in it is not shown.
    """
    shown = without_password(url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StorageError(
            f"Cannot read the storage '{shown}': expected a URL such as sqlite:///nas.db or "
            f"postgresql+psycopg://user@host/database."
        ) from None
    if parsed.get_backend_name() not in _DIALECTS:
        raise StorageError(
            f"Cannot use the storage '{shown}': expected a database of "
            f"{' or '.join(_DIALECTS)}, for example sqlite:///nas.db."
        )
    if parsed.get_backend_name() == "postgresql" and "@" in (parsed.host or ""):
        raise StorageError(
            f"Cannot read the storage '{shown}': it has more than one @. Expected %40 for each @ in the user "
            f"or password."
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise StorageError(
            f"The storage '{shown}' is no file: expected the path of one, for example sqlite:///nas.db."
        )


def engine_options(url: str) -> dict[str, Any]:
    """Return the options with which SQLAlchemy makes an engine for a database.

    Text is sent to PostgreSQL in UTF-8 and read in UTF-8, whatever a database without an encoding says.
    """
    file = database_file(url)
    if file is None:
        return {"pool_pre_ping": True, "connect_args": {"client_encoding": "utf8"}}
    options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_SECONDS}}
    if file.exists() and not may_be_written(file):
        options["creator"] = lambda: sqlite3.connect(
            snapshot(file), timeout=_BUSY_SECONDS, check_same_thread=False
        )
    return options


def is_read_only(url: str) -> bool:
    """Return whether the database is an SQLite file that this user may read and not write."""
    file = database_file(url)
    return file is not None and is_there(url) and not may_be_written(file)


def is_there(url: str) -> bool:
    """Return whether an SQLite file exists; True for a database on a server.

    Raises:
        StorageError: if it lies in a folder that this user may not look into.
    """
    file = database_file(url)
    with storage_errors(url):
        return file is None or file.exists()


def is_true_of_existing(url: str, question: Callable[[Engine], bool]) -> bool:
    """Return the answer to a question about a database; False where there is none, and nothing is created.

    Raises:
        StorageError: if it cannot be reached, or is none.
    """
    if not is_there(url):
        return False
    engine = connect(url)
    try:
        with storage_errors(url):
            return question(engine)
    finally:
        engine.dispose()


def check_creatable(url: str) -> None:
    """Check that a missing SQLite file can be created; nothing is.

    Raises:
        StorageError: if its folder is missing or cannot be written.
    """
    file = database_file(url)
    if file is None or is_there(url) or (file.parent.is_dir() and may_be_written(file)):
        return
    reason = "cannot be written" if file.parent.is_dir() else "is no folder"
    raise StorageError(
        f"Cannot create the storage '{without_password(url)}': '{file.parent}' {reason}. Expected a file in "
        f"a folder that you may write to. Create the folder, or choose another file."
    )


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn errors of the database into an error of one line without the password.

    Raises:
        StorageError: in place of every error of SQLAlchemy, of Optuna's storage and of the file system.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError, OSError, UnicodeError) as error:
        if is_full(error):
            raise StorageError(f"The storage '{without_password(url)}': {no_room(error)}") from error
        first = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise StorageError(
            f"The storage '{without_password(url)}' {NO_ANSWER}: {scrubbed(first, url)}. "
            f"Check the URL, that the database is running and that you may write to it."
        ) from error


def named_outage(error: Exception) -> StorageError | None:
    """Return the error of one line in place of one of a database that cannot be reached, else None.

    Args:
        error: Raised by whatever reads or writes.
    """
    if not (isinstance(error, SQLAlchemyError | StorageInternalError) and is_outage(error)):
        return None
    return StorageError(
        f"The database {NO_ANSWER}: {message_of(error)}. Check that it is running and reachable, then "
        f"run the same command again to go on."
    )


def prepare_sqlite(connection: Any, record: Any) -> None:
    """Prepare a new SQLite connection: write-ahead log for concurrent readers, foreign keys checked."""
    del record
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
