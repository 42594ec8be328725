"""Finds the encoding of a PostgreSQL database, and whether it has the characters of a text."""

from typing import Final

from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import text

from nas.storage.database import storage_errors
from nas.storage.optuna_internals import backend_of

_ANY: Final = frozenset({"UTF8", "SQL_ASCII"})  # without an encoding, a database keeps what it is sent
_PYTHON: Final = {"KOI8R": "koi8_r", "KOI8U": "koi8_u"}  # encodings that Python calls otherwise


def encoding_of(storage: BaseStorage) -> str | None:
    """Return the encoding of a database as PostgreSQL calls it; None for one that holds any text."""
    backend = backend_of(storage)
    if not isinstance(backend, RDBStorage) or backend.engine.dialect.name != "postgresql":
        return None
    with storage_errors(backend.url), backend.engine.connect() as connection:
        found = str(connection.execute(text("SHOW server_encoding")).scalar_one())
    return None if found in _ANY else found


def fits_encoding(written: str, encoding: str) -> bool:
    """Return whether a text can be stored in an encoding of PostgreSQL; True for one that Python lacks."""
    try:
        written.encode(_PYTHON.get(encoding, encoding.replace("WIN", "cp")))
    except UnicodeEncodeError:
        return False
    except LookupError:
        return True
    return True
