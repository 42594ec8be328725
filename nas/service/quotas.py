"""Quotas of users: hours of workers in a month, disk, and jobs at once; and what has been used of them.

Months are those of UTC. Seconds are charged to the month in which a job gives its sign of life, so a job
that runs over midnight of the first is charged to both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from nas.service.job_table import JobTable
from nas.service.refusals import NotFoundError
from nas.service.usage import month_of
from nas.storage.schema import UsageRow, UserRow
from search_spaces.errors import InvalidValueError

GIB: Final = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a user may use; None for no limit.

    Attributes:
        slot_hours: Hours in a month for which jobs hold workers, at least 0.
        disk_gib: GiB of data sets, studies and exports, at least 0.
    """

    slot_hours: float | None = None
    disk_gib: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("--slot-hours", self.slot_hours), ("--disk-gib", self.disk_gib)):
            if value is not None and not 0 <= value < float("inf"):
                raise InvalidValueError(f"Cannot use {name} {value:g}: expected at least 0.")

    def exceeded_hours(self, used_s: float) -> str | None:
        """Return in one line that no hours are left, None if there are any.

        Args:
            used_s: Seconds used this month.
        """
        if self.slot_hours is None or used_s < 3600 * self.slot_hours:
            return None
        return (
            f"{used_s / 3600:.2f} of {self.slot_hours:g} slot-hours of this month are used: expected fewer. "
            f"Wait for the next month, or ask your administrator for more."
        )

    def exceeded_disk(self, used_bytes: int) -> str | None:
        """Return in one line that no room is left, None if there is any.

        Args:
            used_bytes: Bytes of data sets, studies and exports.
        """
        if self.disk_gib is None or used_bytes < GIB * self.disk_gib:
            return None
        return (
            f"{used_bytes / GIB:.3f} of {self.disk_gib:g} GiB of disk are used: expected less. Delete data "
            f"sets or exports, or ask your administrator to delete studies or for more."
        )


NO_QUOTA: Final = Quota()


@dataclass(frozen=True, slots=True)
class Quotas:
    """The quotas in one database.

    Attributes:
        table: The jobs in the same database.
        default: Quota of users without one of their own.
    """

    table: JobTable
    default: Quota = NO_QUOTA

    def of(self, user: str) -> Quota:
        """Return the quota of a user."""
        with self.table.writing() as session:
            row = session.get(UserRow, user)
            return self.default if row is None else self._merged(row)

    def all(self) -> dict[str, Quota]:
        """Return the quotas of all users by name."""
        with self.table.writing() as session:
            return {row.name: self._merged(row) for row in session.scalars(select(UserRow))}

    def change(
        self,
        user: str,
        *,
        slot_hours: float | None = None,
        disk_gib: float | None = None,
        jobs_at_once: int | None = None,
    ) -> None:
        """Give a user quotas; those that are None stay as they are.

        Raises:
            NotFoundError: if there is no such user.
            InvalidValueError: if a quota is below 0.
        """
        Quota(slot_hours=slot_hours, disk_gib=disk_gib)
        if jobs_at_once is not None and jobs_at_once < 0:
            raise InvalidValueError(f"Cannot use --jobs-at-once {jobs_at_once}: expected at least 0.")
        given = {"slot_hours": slot_hours, "disk_gib": disk_gib, "jobs_at_once": jobs_at_once}
        with self.table.writing() as session:
            row = known_user(session, user)
            for name, value in given.items():
                if value is not None:
                    setattr(row, name, value)

    def used_s(self, *, now: datetime | None = None) -> dict[str, float]:
        """Return the seconds of this month by user.

        Args:
            now: Time of the question; by default now.
        """
        with self.table.writing() as session:
            return dict(_used_s(session, now or datetime.now(UTC)))

    def _merged(self, row: UserRow) -> Quota:
        return _merged(row, self.default)


def without_hours(session: Session, default: Quota, now: datetime) -> frozenset[str]:
    """Return the users who have no hours left this month."""
    used_s = _used_s(session, now)
    return frozenset(
        row.name
        for row in session.scalars(select(UserRow))
        if _merged(row, default).exceeded_hours(used_s.get(row.name, 0.0)) is not None
    )


def _merged(row: UserRow, default: Quota) -> Quota:
    return Quota(
        slot_hours=default.slot_hours if row.slot_hours is None else row.slot_hours,
        disk_gib=default.disk_gib if row.disk_gib is None else row.disk_gib,
    )


def known_user(session: Session, user: str) -> UserRow:
    """Return the row of a user.

    Raises:
        NotFoundError: if there is none.
    """
    row = session.get(UserRow, user)
    if row is None:
        raise NotFoundError(
            f"There is no user {user[:40]!a}: expected the name of one. List them with: nas users list"
        )
    return row


def _used_s(session: Session, now: datetime) -> Mapping[str, float]:
    wanted = select(UsageRow.user, UsageRow.used_s).where(UsageRow.month == month_of(now))
    return {row.user: row.used_s for row in session.execute(wanted)}
