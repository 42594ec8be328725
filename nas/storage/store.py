"""Reads and writes latency measurements and exports in our tables."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Select, delete, distinct, func, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from nas.storage.database import storage_errors
from nas.storage.own_folder import placed, portable
from nas.storage.own_settings import own_settings
from nas.storage.records import Export, InSetting, Measurement
from nas.storage.schema import ArchitectureRow, ExportRow, LatencyRow
from nas.storage.tables import empty_tables, has_tables, opened_tables
from nas.storage.user_view import stored_name
from search_spaces.architecture import Architecture
from trials.latency.latency import Condition, Latency, between_run_spread, figure_of, setting_of
from trials.latency.timing_protocol import QUICKEST

_NOMINAL_QUANTILE: Final = 0.25  # of the reference network's times: robust against a busy host and outliers
_INSERTS: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Store:
    """Latency measurements and exports, shared by all studies of one database.

    Guarantees of a storage, together with Optuna's tables: a finished trial is never lost and never trained
    twice; an unfinished trial continues from its last epoch; measurements and exports are kept; a search can
    be resumed from any machine that reaches the storage and the checkpoints; a crash costs at most one epoch
    of each running trial.

    Any number of processes may read and write at the same time. Rows are never changed: a network that is
    measured again has two measurements. Each write is one transaction, so a killed process leaves all of it
    or nothing. Optuna's tables are neither read nor written. Use it in a ``with`` block, which closes it.

    Args:
        url: URL of the database in Optuna's form, for example ``sqlite:///nas.db``.
        create: Whether a missing file and missing tables are created at once; if not, with the first write.

    Attributes:
        url: That URL.

    Raises:
        StorageError: if the database cannot be reached or created, or a later version wrote it.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url: Final = url
        self._begun = create or has_tables(url)
        self._engine = opened_tables(url) if self._begun else empty_tables(url)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the store cannot be used afterwards."""
        self._engine.dispose()

    def add_measurement(self, measurement: Measurement) -> None:
        """Store a measurement, stable or not; it is committed when this returns."""
        latency = measurement.latency
        row = LatencyRow(
            fingerprint=measurement.architecture.fingerprint,
            num_classes=measurement.num_classes,
            in_channels=measurement.in_channels,
            target=str(latency.conditions.get("target", ""))[:512],
            setting_key=setting_key(latency.conditions),
            median_ms=latency.median_ms,
            low_ms=latency.low_ms,
            high_ms=latency.high_ms,
            p90_ms=latency.p90_ms,
            stable=latency.stable,
            conditions=json.dumps(dict(latency.conditions), sort_keys=True),
            measured_at=measurement.measured_at,
        )
        with self._writing() as session:
            self._add_architecture(session, measurement.architecture)
            session.add(row)

    def measurements(self, conditions: Mapping[str, Condition]) -> list[Measurement]:
        """Return every measurement in a setting, oldest first, unstable ones included.

        Args:
            conditions: Conditions of a latency, or those that a probe of the target returned.
        """
        wanted = select(LatencyRow).where(LatencyRow.setting_key == setting_key(conditions))
        with self._reading() as session:
            return self._read(session, wanted.order_by(LatencyRow.id))

    def latency(
        self,
        architecture: Architecture,
        *,
        num_classes: int,
        in_channels: int,
        conditions: Mapping[str, Condition],
        figure: str = QUICKEST,
    ) -> Latency | None:
        """Return the newest stable latency of a network in a setting, None if there is none.

        Measurements of earlier versions hold no figure of the wall clock.
        """
        wanted = (
            select(LatencyRow)
            .where(LatencyRow.fingerprint == architecture.fingerprint)
            .where(LatencyRow.num_classes == num_classes, LatencyRow.in_channels == in_channels)
            .where(LatencyRow.setting_key == setting_key(conditions))
        )
        with self._reading() as session:
            found = self._read(session, wanted.order_by(LatencyRow.id.desc()))
        figures = (measured.latency.figure(figure) for measured in found)
        return next((latency for latency in figures if latency is not None and latency.stable), None)

    def latest(
        self,
        architecture: Architecture,
        *,
        num_classes: int,
        in_channels: int,
        own_ms: Mapping[str, float] | None = None,
    ) -> dict[str, Latency]:
        """Return the newest latency of a network on each target, by the target's name.

        An unstable one is returned only for a target without a stable one. Of a network whose latencies a
        study stores, `own_ms`, only measurements in the same settings count, see `own_settings`.
        """
        wanted = (
            select(LatencyRow)
            .where(LatencyRow.fingerprint == architecture.fingerprint)
            .where(LatencyRow.num_classes == num_classes, LatencyRow.in_channels == in_channels)
            .order_by(LatencyRow.stable, LatencyRow.id)
        )
        latest = {}
        for (_, target), measured in self._by_target(wanted).items():
            own = own_settings(measured, own_ms or {}, target)
            latest[target] = [m.latency for m in measured if not own or m.setting in own][-1]
        return latest

    def newest(
        self, *, num_classes: int, in_channels: int, stable: bool = True
    ) -> dict[tuple[str, str], list[InSetting]]:
        """Return the newest latency of each network in each setting, by fingerprint and target, oldest first.

        Args:
            num_classes: Class scores of the networks.
            in_channels: Channels of their images.
            stable: Whether the quickest run has to be stable; figures of the wall clock need it not.
        """
        newest = (
            select(func.max(LatencyRow.id))
            .where(LatencyRow.stable.is_(True) if stable else true())
            .where(LatencyRow.num_classes == num_classes, LatencyRow.in_channels == in_channels)
            .group_by(LatencyRow.fingerprint, LatencyRow.target, LatencyRow.setting_key)
        )
        return self._by_target(select(LatencyRow).where(LatencyRow.id.in_(newest)).order_by(LatencyRow.id))

    def in_several_settings(
        self, *, num_classes: int, in_channels: int
    ) -> dict[tuple[str, str], list[InSetting]]:
        """Return all latencies of networks that were measured in several settings of one target."""
        shape = LatencyRow.num_classes == num_classes, LatencyRow.in_channels == in_channels
        several = (
            select(LatencyRow.fingerprint)
            .where(*shape)
            .group_by(LatencyRow.fingerprint, LatencyRow.target)
            .having(func.count(distinct(LatencyRow.setting_key)) > 1)
        )
        return self._by_target(select(LatencyRow).where(*shape, LatencyRow.fingerprint.in_(several)))

    def nominal_ms(self, conditions: Mapping[str, Condition]) -> float | None:
        """Return the reference network's time on an idle host in a setting, None if never measured."""
        found = [m.latency.conditions.get("reference_ms") for m in self.measurements(conditions)]
        times_ms = sorted(t for t in found if isinstance(t, int | float))
        return float(times_ms[int(_NOMINAL_QUANTILE * len(times_ms))]) if times_ms else None

    def spread(self, conditions: Mapping[str, Condition]) -> float:
        """Return the relative spread of repeated measurements in a setting, see `between_run_spread`.

        Args:
            conditions: Those of a latency, whose figure is meant, or of a setting for the quickest run.
        """
        repeats: dict[tuple[str, int, int], list[float]] = defaultdict(list)
        for m in self.measurements(conditions):
            latency = m.latency.figure(figure_of(conditions))
            if latency is not None and latency.stable:
                network = (m.architecture.fingerprint, m.num_classes, m.in_channels)
                repeats[network].append(latency.median_ms)
        return between_run_spread(repeats.values())

    def settings(self) -> list[dict[str, Condition]]:
        """Return the settings that have measurements, the one with most measurements first."""
        newest = func.max(LatencyRow.id)
        wanted = select(newest).group_by(LatencyRow.setting_key).order_by(func.count().desc(), newest)
        with self._reading() as session:
            ids = session.scalars(wanted).all()
            return [setting_of(json.loads(session.get_one(LatencyRow, i).conditions)) for i in ids]

    def add_export(self, export: Export) -> None:
        """Store that a network was exported."""
        row = ExportRow(
            fingerprint=export.architecture.fingerprint,
            study=stored_name(export.study),
            trial=export.trial,
            name=export.name,
            folder=portable(export.folder, self.url),
            exported_at=export.exported_at,
        )
        with self._writing() as session:
            self._add_architecture(session, export.architecture)
            session.add(row)

    def exports(self, study: str) -> list[Export]:
        """Return the exports of a study, oldest first."""
        wanted = (
            select(ExportRow, ArchitectureRow.json)
            .join(ArchitectureRow, ArchitectureRow.fingerprint == ExportRow.fingerprint)
            .where(ExportRow.study == stored_name(study))
            .order_by(ExportRow.id)
        )
        with self._reading() as session:
            return [
                Export(
                    architecture=Architecture.from_json(described),
                    study=study,
                    trial=row.trial,
                    name=row.name,
                    folder=placed(row.folder, self.url),
                    exported_at=row.exported_at,
                )
                for row, described in session.execute(wanted)
            ]

    def delete_exports(self, study: str) -> None:
        """Delete the exports of a study from the database; the exported files are kept."""
        with self._writing() as session:
            session.execute(delete(ExportRow).where(ExportRow.study == stored_name(study)))

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with storage_errors(self.url), Session(self._engine) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        if not self._begun:
            self.close()
            self._engine, self._begun = opened_tables(self.url), True
        with storage_errors(self.url), Session(self._engine) as session, session.begin():
            yield session

    def _add_architecture(self, session: Session, architecture: Architecture) -> None:
        row = {"fingerprint": architecture.fingerprint, "json": architecture.to_json()}
        insert = _INSERTS[self._engine.dialect.name]
        session.execute(insert(ArchitectureRow).values(**row).on_conflict_do_nothing())

    def _by_target(self, wanted: Select[LatencyRow]) -> dict[tuple[str, str], list[InSetting]]:
        """Return latencies by fingerprint and target, in the order of the rows."""
        found: dict[tuple[str, str], list[InSetting]] = defaultdict(list)
        with self._reading() as session:
            for row in session.scalars(wanted):
                one = InSetting(row.setting_key, row.measured_at, _latency(row))
                found[row.fingerprint, str(one.latency.conditions["target"])].append(one)
        return found

    def _read(self, session: Session, wanted: Select[LatencyRow]) -> list[Measurement]:
        joined = wanted.join(ArchitectureRow, ArchitectureRow.fingerprint == LatencyRow.fingerprint)
        return [
            Measurement(
                architecture=Architecture.from_json(described),
                num_classes=row.num_classes,
                in_channels=row.in_channels,
                latency=_latency(row),
                measured_at=row.measured_at,
            )
            for row, described in session.execute(joined.add_columns(ArchitectureRow.json))
        ]


def setting_key(conditions: Mapping[str, Condition]) -> str:
    """Return a hash of the setting of some conditions, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(setting_of(conditions), sort_keys=True).encode()).hexdigest()[:16]


def _latency(row: LatencyRow) -> Latency:
    return Latency(
        median_ms=row.median_ms,
        low_ms=row.low_ms,
        high_ms=row.high_ms,
        p90_ms=row.p90_ms,
        stable=row.stable,
        conditions=json.loads(row.conditions),
    )
