"""Copies measurements and exports of networks from one database into another."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from nas.storage.database import storage_errors
from nas.storage.own_folder import placed, portable
from nas.storage.schema import ArchitectureRow, ExportRow, LatencyRow
from nas.storage.tables import opened_tables

_Row = TypeVar("_Row", ArchitectureRow, LatencyRow)
_AT_ONCE: Final = 500  # of a database's variables in one question


def copy_networks(source: str, target: str, *, fingerprints: Collection[str], studies: Sequence[str]) -> None:
    """Copy the latency measurements of networks, and the records of a few studies' exports.

    Args:
        source: URL of the database that has them.
        target: URL of a database without any of them.
        fingerprints: Fingerprints of the networks.
        studies: Names of the studies.

    Raises:
        StorageError: if a database does not answer.
    """
    engines = opened_tables(source), opened_tables(target)
    try:
        with storage_errors(source), Session(engines[0]) as read:
            exports = list(read.scalars(select(ExportRow).where(ExportRow.study.in_(studies))))
            known = sorted({*fingerprints, *(row.fingerprint for row in exports)})
            rows: list[ArchitectureRow | LatencyRow | ExportRow] = [
                ArchitectureRow(**_values(one)) for one in _rows(read, ArchitectureRow, known)
            ]
            rows += [LatencyRow(**_values(one)) for one in _rows(read, LatencyRow, known)]
            for row in exports:
                folder = portable(placed(row.folder, source), target)
                rows.append(ExportRow(**{**_values(row), "folder": folder}))
        with storage_errors(target), Session(engines[1]) as written, written.begin():
            written.add_all(rows)
    finally:
        for engine in engines:
            engine.dispose()


def _rows(session: Session, table: type[_Row], fingerprints: Sequence[str]) -> Iterator[_Row]:
    for start in range(0, len(fingerprints), _AT_ONCE):
        some = fingerprints[start : start + _AT_ONCE]
        yield from session.scalars(select(table).where(table.fingerprint.in_(some)))


def _values(row: ArchitectureRow | LatencyRow | ExportRow) -> dict[str, Any]:
    """Return the columns of a row by name; its id too, by which measurements are in order."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}
