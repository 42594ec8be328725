"""Creates and migrates our tables; a database lock lets one process at a time run the migrations."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from nas.storage.schema import VERSION_TABLE
from search_spaces.errors import StorageError

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_ADVISORY_KEY: Final = 0x6E61735F  # "nas_": key of the PostgreSQL advisory lock held while migrating


def migrate(engine: Engine) -> None:
    """Create our tables or migrate them to this version; several processes may call it at once.

    Raises:
        StorageError: if a later version of this package wrote them.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        if _revision(connection) == script.get_current_head():
            return
    with engine.begin() as connection:
        _lock_migrations(connection)
        found = _revision(connection)
        if found is not None and found not in {s.revision for s in script.walk_revisions()}:
            raise StorageError(
                f"The tables in the storage have version '{found}': expected at most "
                f"'{script.get_current_head()}', the version of this installation. Update this package."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_begun(engine: Engine) -> bool:
    """Return whether a database has our tables, of whatever version."""
    with engine.connect() as connection:
        return _revision(connection) is not None


def _revision(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _lock_migrations(connection: Connection) -> None:
    """Wait until no other process migrates, and keep others out until the transaction ends."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_KEY})
