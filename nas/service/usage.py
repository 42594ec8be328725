"""Charges users for the time of workers, by month."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

_CHARGE: Final = text(
    'INSERT INTO nas_usage ("user", month, used_s) '
    'SELECT nas_jobs."user", :month, :used_s FROM nas_jobs WHERE nas_jobs.id = :id '
    'ON CONFLICT ("user", month) DO UPDATE SET used_s = nas_usage.used_s + excluded.used_s'
)


def month_of(time: datetime) -> str:
    """Return the month of a time as it is stored, for example ``2026-11``."""
    return f"{time:%Y-%m}"


def charge(session: Session, id: str, used_s: float, now: datetime) -> None:  # noqa: A002 -- as in the API
    """Charge the user of a job for seconds.

    Args:
        session: Session that commits it.
        id: Id of the job.
        used_s: Seconds for which it has held a worker.
        now: Time in UTC, whose month is charged.
    """
    session.execute(_CHARGE, {"id": id, "used_s": used_s, "month": month_of(now)})
