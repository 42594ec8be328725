"""Moves jobs between queue and workers: the next one begins, and those of dead processes go back.

A running job is held by one process, which counts up its beats. On this machine a process that has ended is
seen at once; one on another machine is taken for dead once its beats have not changed for `SILENCE_S` by the
clock of the server that looks. Time in which that could not reach the database does not count, see
`nas.coordination.observed_beats`.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, literal, or_, select
from sqlalchemy.orm import Session

from nas.coordination.leases import SILENCE_S
from nas.coordination.observed_beats import ObservedBeats
from nas.service.fair_share import JOBS_AT_ONCE, WINDOW, Usage, Waiting, next_job
from nas.service.job import Job
from nas.service.job_table import JobTable, change, job_of
from nas.service.quotas import NO_QUOTA, Quota, without_hours
from nas.storage.schema import JobRow, UserRow, UtcDateTime
from nas.study.processes import has_ended, this_process

MOST_CRASHES: Final = 5
"""Ends of a process in a row, without progress between, after which its job has failed."""

_STEP_S: Final = 600.0
"""Seconds of work that count as progress of a job that is no search: it stores no epochs in its study."""


_NOUNS: Final = {
    "search": "search",
    "retrain": "retraining",
    "compare": "comparison",
    "measure": "measurement",
}


@dataclass(frozen=True, slots=True)
class Held:
    """A job that a worker is to run.

    Attributes:
        job: The job, running.
        holder: Id of the attempt, which alone may write into the job.
    """

    job: Job
    holder: str


def begin_next(
    table: JobTable,
    *,
    host: str,
    at_once: int = JOBS_AT_ONCE,
    quota: Quota = NO_QUOTA,
    is_full: Callable[[str], bool] = lambda _: False,
) -> Held | None:
    """Move the job whose turn it is from the queue to a worker; None if there is none.

    Until the job has a process of its own, this process holds it.

    Args:
        table: The jobs.
        host: Name of this machine.
        at_once: Most running jobs of a user without a quota of its own.
        quota: Hours in a month of such a user.
        is_full: Returns whether a user has used up the quota of disk; those who have wait.
    """
    if not table.page(state="queued", limit=1):
        return None  # without the lock, which others would wait for twice a second
    full: dict[str, bool] = {}
    while True:
        with table.writing(alone=True) as session:
            most = {**_quotas(session, quota), **{user: 0 for user, found in full.items() if found}}
            chosen = next_job(_waiting(session), _usage(session), most, at_once)
            if chosen is None:
                return None
            if chosen.user in full:
                return _begun(session, chosen.number, host)
        full[chosen.user] = is_full(chosen.user)  # without the lock: files are looked at


def _begun(session: Session, number: int, host: str) -> Held:
    process, machine = this_process()
    holder, now = uuid.uuid4().hex, datetime.now(UTC)
    change(
        session,
        (JobRow.number == number,),
        state="running",
        holder=holder,
        host=host[:255],
        process=process,
        machine=machine[:255],
        started_at=func.coalesce(JobRow.started_at, literal(now, UtcDateTime())),
    )
    row = session.scalars(select(JobRow).where(JobRow.number == number)).one()
    return Held(job_of(row), holder)


class OrphanWatch:
    """Finds jobs whose process has died, and puts them back into the queue.

    Args:
        table: The jobs.
        epochs_of: Returns how many epochs the study of a name has.
        silence_s: Seconds without a sign of life after which a process is taken for dead.
        clock: Returns monotonic time in seconds.
    """

    def __init__(
        self,
        table: JobTable,
        epochs_of: Callable[[str], int],
        *,
        silence_s: float = SILENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table, self._epochs_of = table, epochs_of
        self._silence_s, self._observed = silence_s, ObservedBeats(clock)

    def look(self) -> tuple[Job, ...]:
        """Put the jobs of dead processes back and return them."""
        with self._table.writing() as session:
            rows = list(session.scalars(select(JobRow).where(JobRow.state == "running")))
            session.expunge_all()
        self._observed.observe({str(row.holder): row.beats for row in rows})
        return tuple(job for row in rows if self._is_dead(row) and (job := self._put_back(row)) is not None)

    def _is_dead(self, row: JobRow) -> bool:
        if row.process is not None and has_ended(row.process, row.machine or ""):
            return True
        return self._observed.silent_s(str(row.holder), row.beats) >= self._silence_s

    def _put_back(self, row: JobRow) -> Job | None:
        """Return the job as it is now, None if its process has moved it meanwhile."""
        progress = self._epochs_of(row.study) if row.kind == "search" else int(row.used_s / _STEP_S)
        crashes = row.crashes + 1 if progress <= row.epochs else 1
        held = (JobRow.id == row.id, JobRow.holder == row.holder, JobRow.beats == row.beats)
        state, error = _after_crash(row.kind, row.cancel, crashes)
        with self._table.writing() as session:
            mine = change(
                session,
                (*held, JobRow.state == "running"),
                state=state,
                error=row.error if state == "cancelled" else error,
                exit_status=1 if state == "failed" else None,
                ended_at=None if state == "queued" else datetime.now(UTC),
                holder=None,
                process=None,
                machine=None,
                epochs=progress,
                crashes=crashes,
            )
        return self._table.get(row.id) if mine else None


def _after_crash(kind: str, cancel: str | None, crashes: int) -> tuple[str, str | None]:
    """Return the state of a job whose process has died, and why it failed if it has."""
    if cancel is not None:
        return "cancelled", None
    if crashes < MOST_CRASHES:
        return "queued", None
    return "failed", (
        f"The process of this {_NOUNS[kind]} ended {crashes} times in a row without "
        f"{'finishing an epoch' if kind == 'search' else 'working for ten minutes'}: expected one that runs. "
        f"Look at its log; too little memory is the usual cause."
    )


def _waiting(session: Session) -> list[Waiting]:
    wanted = select(JobRow.number, JobRow.user, JobRow.priority).where(JobRow.state == "queued")
    return [
        Waiting(number=row.number, user=row.user, priority=row.priority) for row in session.execute(wanted)
    ]


def _usage(session: Session) -> Usage:
    """Return what jobs have used that run, wait again, or have ended within the window."""
    now = datetime.now(UTC)
    recent = or_(JobRow.ended_at.is_(None), JobRow.ended_at >= now - WINDOW)
    begun = or_(JobRow.state != "queued", JobRow.used_s > 0)
    wanted = select(JobRow.user, JobRow.state, JobRow.used_s, JobRow.ended_at).where(recent, begun)
    ended: dict[str, float] = defaultdict(float)
    running: dict[str, list[float]] = defaultdict(list)
    lengths = []
    for user, state, used_s, ended_at in session.execute(wanted):
        if state == "running":
            running[user].append(_within_window(used_s, now, now))
            continue
        ended[user] += _within_window(used_s, ended_at or now, now)
        if state != "queued":
            lengths.append(_within_window(used_s, now, now))
    return Usage(ended_s=ended, running_s=running, typical_s=sum(lengths) / len(lengths) if lengths else 0.0)


def _within_window(used_s: float, until: datetime, now: datetime) -> float:
    """Return the most seconds within the window of a job that held a worker until a time."""
    return min(used_s, (WINDOW - (now - until)).total_seconds())


def _quotas(session: Session, quota: Quota) -> dict[str, int]:
    """Return the most jobs at once by user: none of those who have used their hours of this month."""
    wanted = select(UserRow.name, UserRow.jobs_at_once).where(UserRow.jobs_at_once.is_not(None))
    most = {row.name: row.jobs_at_once for row in session.execute(wanted) if row.jobs_at_once is not None}
    return {**most, **dict.fromkeys(without_hours(session, quota, datetime.now(UTC)), 0)}
