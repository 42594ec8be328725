"""SQLAlchemy models of our tables (``nas_...``), which share the database with Optuna's tables.

A change here needs a migration in nas/storage/migrations/versions; a test compares the two.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import DateTime, Dialect, Double, ForeignKey, Index, String, Text, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from typing_extensions import override

VERSION_TABLE: Final = "nas_alembic_version"


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC, stored without a zone and read with one."""

    impl = DateTime
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the value to store."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored value with its zone."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base class of our tables."""


class ArchitectureRow(Base):
    """An architecture that other tables refer to."""

    __tablename__ = "nas_architectures"

    fingerprint: Mapped[str] = mapped_column(String(16), primary_key=True)
    json: Mapped[str] = mapped_column(Text)


class LatencyRow(Base):
    """One latency measurement of one network on one target; rows are never changed."""

    __tablename__ = "nas_latencies"
    __table_args__ = (
        Index("nas_latencies_network", "fingerprint", "num_classes", "in_channels"),
        Index("nas_latencies_setting", "setting_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(ForeignKey("nas_architectures.fingerprint"))
    num_classes: Mapped[int]
    in_channels: Mapped[int]
    target: Mapped[str] = mapped_column(String(512))
    setting_key: Mapped[str] = mapped_column(String(16))
    median_ms: Mapped[float] = mapped_column(Double)
    low_ms: Mapped[float] = mapped_column(Double)
    high_ms: Mapped[float] = mapped_column(Double)
    p90_ms: Mapped[float] = mapped_column(Double)
    stable: Mapped[bool]
    conditions: Mapped[str] = mapped_column(Text)
    measured_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ExportRow(Base):
    """One exported network."""

    __tablename__ = "nas_exports"
    __table_args__ = (Index("nas_exports_study", "study"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(ForeignKey("nas_architectures.fingerprint"))
    study: Mapped[str] = mapped_column(String(512))
    trial: Mapped[int]
    name: Mapped[str] = mapped_column(String(255))
    folder: Mapped[str] = mapped_column(Text)
    exported_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DriverRow(Base):
    """A driver: a process that searches a study and increments `beats` while it lives."""

    __tablename__ = "nas_drivers"
    __table_args__ = (Index("nas_drivers_study", "study_id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study_id: Mapped[int]
    host: Mapped[str] = mapped_column(String(255))
    process: Mapped[int]
    machine: Mapped[str] = mapped_column(String(255))
    beats: Mapped[int]
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LeaseRow(Base):
    """A lease: the driver that trains a running trial; deleted when the trial or the driver ends."""

    __tablename__ = "nas_leases"
    __table_args__ = (Index("nas_leases_driver", "driver"),)

    study_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    trial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    driver: Mapped[str] = mapped_column(ForeignKey("nas_drivers.id", ondelete="CASCADE"))


class UserRow(Base):
    """A user of the service with quotas; None for the server's default."""

    __tablename__ = "nas_users"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    jobs_at_once: Mapped[int | None]
    slot_hours: Mapped[float | None] = mapped_column(Double)
    disk_gib: Mapped[float | None] = mapped_column(Double)


class UsageRow(Base):
    """Seconds for which the jobs of a user have held workers in a month of UTC, such as ``2026-11``."""

    __tablename__ = "nas_usage"

    user: Mapped[str] = mapped_column(ForeignKey("nas_users.name"), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    used_s: Mapped[float] = mapped_column(Double)


class TokenRow(Base):
    """A token of a user: its hash, what it may do and until when; the token itself is stored nowhere."""

    __tablename__ = "nas_tokens"
    __table_args__ = (Index("nas_tokens_digest", "digest", unique=True),)

    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("nas_users.name"))
    role: Mapped[str] = mapped_column(String(8))
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class JobRow(Base):
    """A job that a user has submitted; its holder is the process that runs it and increments `beats`."""

    __tablename__ = "nas_jobs"
    __table_args__ = (
        Index("nas_jobs_user", "user"),
        Index("nas_jobs_state", "state"),
        Index("nas_jobs_id", "id", unique=True),
        Index(
            "nas_jobs_open_study",
            "study",
            "kind",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(16))
    user: Mapped[str] = mapped_column(ForeignKey("nas_users.name"))
    state: Mapped[str] = mapped_column(String(16))
    cancel: Mapped[str | None] = mapped_column(String(8))
    priority: Mapped[int]
    study: Mapped[str] = mapped_column(String(512))
    options: Mapped[str] = mapped_column(Text)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_s: Mapped[float] = mapped_column(Double)
    error: Mapped[str | None] = mapped_column(Text)
    exit_status: Mapped[int | None]
    holder: Mapped[str | None] = mapped_column(String(32))
    host: Mapped[str | None] = mapped_column(String(255))
    process: Mapped[int | None]
    machine: Mapped[str | None] = mapped_column(String(255))
    beats: Mapped[int]
    epochs: Mapped[int]  # at its last crash; tens of minutes of work where it is no search
    crashes: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16), server_default="search")
    result: Mapped[str | None] = mapped_column(Text)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditRow(Base):
    """One act of a user in the service; rows are never changed."""

    __tablename__ = "nas_audit"

    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    user: Mapped[str] = mapped_column(String(32))
    token: Mapped[str] = mapped_column(String(8))
    act: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(512))
