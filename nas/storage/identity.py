"""Tells a database from its copies, and looks into other SQLite files for a study."""

import json
import os
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError

from nas.storage.database import connect, storage_errors
from nas.storage.own_folder import database_file

_BESIDE: Final = ("-wal", "-shm", "-journal")  # files that SQLite keeps beside a database
_SERVER: Final = (
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid FROM pg_database "
    "WHERE datname = current_database()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseIdentity:
    """What tells one database from a copy of it.

    Attributes:
        database: Path of the SQLite file, or of a server the number of its cluster and of the database in it.
        host: Host that sees the file at this path; empty for a server.
        inode: Number of the file in its file system, which a copy does not share; 0 for a server.
    """

    database: str
    host: str = ""
    inode: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "DatabaseIdentity":
        """Return what `to_json` wrote."""
        return cls(database=str(record["database"]), host=str(record["host"]), inode=int(record["inode"]))

    def is_now(self, other: "DatabaseIdentity") -> bool:
        """Return whether `other`, which is open now, is this database and no copy of it.

        An SQLite file is the same at its path on its host, or with its number, wherever it was moved.
        """
        if not self.host or not other.host:
            return self.database == other.database
        return self.inode == other.inode or (self.host, self.database) == (other.host, other.database)


def identity_of_database(url: str) -> DatabaseIdentity:
    """Return the identity of the database at a URL.

    Raises:
        StorageError: if it cannot be reached.
    """
    file = database_file(url)
    if file is not None:
        with storage_errors(url):
            inode = os.stat(file).st_ino  # noqa: PTH116 -- an OSError here names the file
        return DatabaseIdentity(database=str(file), host=socket.gethostname(), inode=inode)
    return DatabaseIdentity(database=_server_identity(url))


def _server_identity(url: str) -> str:
    engine = connect(url)
    try:
        with storage_errors(url), engine.connect() as connection:
            try:
                return str(connection.execute(text(_SERVER)).scalar_one())
            except ProgrammingError:  # not every user may read the number of the cluster
                parsed = make_url(url)
                return f"{parsed.host}:{parsed.port or 5432}/{parsed.database}"
    finally:
        engine.dispose()


def holds_study(file: Path, identity: str) -> bool:
    """Return whether an SQLite file holds the study of an identity."""
    return any(attrs.get("nas:id") == identity for _, attrs in studies_in(file))


def studies_in(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and attributes of the studies in an SQLite file; none if it cannot be read as one.

    SQLite alone opens the file. Whoever else opens and closes a file of a database, its write-ahead log or
    its shared memory takes away all locks that this process holds on it, as POSIX locks belong to a process;
    other processes then truncate it while it is used (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    if file.name.endswith(_BESIDE):
        return
    query = (
        "SELECT study_name, key, value_json FROM studies JOIN study_user_attributes USING (study_id) "
        "WHERE key IN ('nas:id', 'nas:folder')"
    )
    found: dict[str, dict[str, Any]] = {}
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            for name, key, value in connection.execute(query):
                found.setdefault(name, {})[key] = json.loads(value)
    except (OSError, sqlite3.Error, ValueError):
        return
    yield from found.items()
