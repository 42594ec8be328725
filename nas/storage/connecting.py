"""Connects to the database that Optuna uses too, and says in one line what is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from search_spaces.errors import StorageError

_BUSY_SECONDS: Final = 60
_DIALECTS: Final = ("sqlite", "postgresql")


def connect(url: str) -> Engine:
    """Return an engine on the database at `url`; nothing is opened yet.

    Raises:
        StorageError: if it is no URL of SQLite or PostgreSQL.
    """
    try:
        dialect = make_url(url).get_backend_name()
    except ArgumentError as error:
        raise StorageError(
            f"Cannot read the storage '{_without_credentials(url)[:80]}': expected a URL such as "
            f"sqlite:///nas.db or postgresql+psycopg://user@host/database."
        ) from error
    if dialect not in _DIALECTS:
        raise StorageError(f"The storage '{shown(url)}' is not used: expected {' or '.join(_DIALECTS)}.")
    with told(url):
        if dialect == "postgresql":
            return create_engine(url, pool_pre_ping=True)
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
        event.listen(engine, "connect", prepare_sqlite)
        return engine


@contextmanager
def told(url: str) -> Iterator[None]:
    """Turn what the database complains about into one line without its password.

    Raises:
        StorageError: in place of every error of SQLAlchemy.
    """
    try:
        yield
    except SQLAlchemyError as error:
        first = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise StorageError(
            f"The storage '{shown(url)}' does not answer as expected: {first}. Check the URL, and that the "
            f"database runs and can be written."
        ) from error


def shown(url: str) -> str:
    """Return a readable URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _without_credentials(url: str) -> str:
    """Return what follows the last @ of a text that is no URL: a password would stand before it."""
    return url.rpartition("@")[2]


def prepare_sqlite(connection: Any, record: Any) -> None:
    """Let readers and one writer work side by side, and check references."""
    del record
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
