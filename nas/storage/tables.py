"""Opens our tables in a database: as they are, created where they are missing, or none yet in memory."""

from sqlalchemy import Engine, StaticPool, create_engine

from nas.storage.database import check_creatable, connect, is_true_of_existing, storage_errors
from nas.storage.migrating import is_begun, migrate
from nas.storage.schema import Base


def opened_tables(url: str) -> Engine:
    """Return an engine for a database with our tables; a missing file and missing tables are created.

    Raises:
        StorageError: if it cannot be reached or created, or a later version wrote it.
    """
    engine = connect(url)
    try:
        with storage_errors(url):
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def has_tables(url: str) -> bool:
    """Return whether a database is there and has our tables; nothing is created.

    Raises:
        StorageError: if it cannot be reached, or is none.
    """
    return is_true_of_existing(url, is_begun)


def empty_tables(url: str) -> Engine:
    """Return an engine for empty tables in memory, in place of those that a database does not have yet.

    Raises:
        StorageError: if the database could not be created.
    """
    check_creatable(url)
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(engine)
    return engine
