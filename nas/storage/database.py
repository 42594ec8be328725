"""Connects to SQLite or PostgreSQL: checks the URL, prepares SQLite (WAL), hides passwords in errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from search_spaces.errors import StorageError

_BUSY_SECONDS: Final = 60
_DIALECTS: Final = ("sqlite", "postgresql")


def connect(url: str) -> Engine:
    """Return an engine for the database at `url`; no connection is made yet.

    Raises:
        StorageError: if it is not a URL of SQLite or PostgreSQL.
    """
    try:
        dialect = make_url(url).get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise StorageError(
            f"Cannot read the storage '{_without_credentials(url)[:80]}': expected a URL such as "
            f"sqlite:///nas.db or postgresql+psycopg://user@host/database."
        ) from error
    if dialect not in _DIALECTS:
        raise StorageError(
            f"Cannot use the storage '{without_password(url)}': expected a database of "
            f"{' or '.join(_DIALECTS)}, for example sqlite:///nas.db."
        )
    if dialect == "sqlite" and make_url(url).database in {None, "", ":memory:"}:
        raise StorageError(
            f"The storage '{without_password(url)}' is no file: expected the path of one, for example sqlite:///nas.db."
        )
    with storage_errors(url):
        if dialect == "postgresql":
            return create_engine(url, pool_pre_ping=True)
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
        event.listen(engine, "connect", prepare_sqlite)
        return engine


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn errors of the database into an error of one line without the password.

    Raises:
        StorageError: in place of every error of SQLAlchemy.
    """
    try:
        yield
    except (SQLAlchemyError, ImportError) as error:
        first = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise StorageError(
            f"The storage '{without_password(url)}' does not answer as expected: {first}. Check the URL, "
            f"that the database is running and that you may write to it."
        ) from error


def without_password(url: str) -> str:
    """Return a URL that `connect` accepts, with its password replaced by ``***``."""
    parsed = make_url(url)
    hidden = {k: "***" if "pass" in k.lower() else v for k, v in parsed.query.items()}
    return parsed.set(query=hidden).render_as_string(hide_password=True)


def _without_credentials(url: str) -> str:
    """Return a text that is not a URL, or ``***`` if it may contain a password."""
    return "***" if "@" in url or "pass" in url.lower() else url


def prepare_sqlite(connection: Any, record: Any) -> None:
    """Prepare a new SQLite connection: write-ahead log for concurrent readers, foreign keys checked."""
    del record
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
