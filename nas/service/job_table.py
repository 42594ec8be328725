"""The jobs in the database: submitted, listed, cancelled, and moved from state to state by who holds them.

Every change is one transaction with its condition in it. So of several servers on one database one alone
begins a job, and a process that has lost its job writes nothing into it.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.orm import Session

from nas.service.job import OPEN, STATES, Cancel, Job, Kind, State
from nas.service.refusals import ConflictError, NotFoundError, TooManyError
from nas.service.usage import charge
from nas.storage.database import storage_errors
from nas.storage.schema import JobRow
from nas.storage.tables import opened_tables

_LOCK_KEY: Final = 0x6E61736A  # "nasj": key of the PostgreSQL advisory lock held while a job is chosen
QUEUED_AT_ONCE: Final = 1000
"""Jobs of one user that may wait."""


class JobTable:
    """The jobs of one database, shared by servers, job processes and commands; methods are thread-safe.

    Args:
        url: URL of the database.
    """

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self._engine: Final = opened_tables(url)

    def __enter__(self) -> "JobTable":
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Session]:
        """Yield a session whose changes are committed after the block.

        Args:
            alone: Whether no other process may choose a job meanwhile.

        Raises:
            StorageError: if the database does not answer.
        """
        with storage_errors(self.url), Session(self._engine) as session, session.begin():
            if alone and self._engine.dialect.name == "sqlite":
                session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            elif alone:
                session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            yield session

    def submit(
        self,
        user: str,
        study: str,
        options: Mapping[str, Any],
        *,
        kind: Kind = "search",
        priority: int = 0,
    ) -> Job:
        """Add a job to the queue and return it.

        Raises:
            ConflictError: if a job of the same study and kind waits or runs.
            TooManyError: if the user has too many jobs in the queue.
        """
        row = JobRow(
            id=secrets.token_hex(8),
            kind=kind,
            user=user,
            state="queued",
            priority=priority,
            study=study,
            options=json.dumps(dict(options)),
            submitted_at=datetime.now(UTC),
            used_s=0.0,
            beats=0,
            epochs=0,
            crashes=0,
        )
        with self.writing(alone=True) as session:
            _check_queue(session, user, study, kind)
            session.add(row)
            session.flush()
            return job_of(row)

    def get(self, id: str, *, user: str | None = None) -> Job:  # noqa: A002 -- what it is called in the API
        """Return a job.

        Args:
            id: Its id.
            user: User that it has to belong to; None for any.

        Raises:
            NotFoundError: if there is none.
        """
        with self.writing() as session:
            row = session.scalars(select(JobRow).where(JobRow.id == id)).first()
            if row is None or (user is not None and row.user != user):
                raise NotFoundError(
                    "There is no such job: expected the id of one of yours. List them with: nas jobs"
                )
            return job_of(row)

    def page(
        self,
        *,
        user: str | None = None,
        state: State | None = None,
        kind: Kind | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[Job, ...]:
        """Return jobs, latest first.

        Args:
            user: User that they belong to; None for all users.
            state: State that they are in; None for any.
            kind: What they do; None for any.
            before: Number that theirs are below, for the next page; None for the first.
            limit: Most jobs, at least 1.
        """
        wanted = select(JobRow).order_by(JobRow.number.desc()).limit(limit)
        if user is not None:
            wanted = wanted.where(JobRow.user == user)
        if state is not None:
            wanted = wanted.where(JobRow.state == state)
        if kind is not None:
            wanted = wanted.where(JobRow.kind == kind)
        if before is not None:
            wanted = wanted.where(JobRow.number < before)
        with self.writing() as session:
            return tuple(map(job_of, session.scalars(wanted)))

    def counts(self) -> dict[State, int]:
        """Return the number of jobs in each state."""
        with self.writing() as session:
            found = session.execute(select(JobRow.state, func.count()).group_by(JobRow.state))
            by_state = {row[0]: row[1] for row in found}
        return {state: by_state.get(state, 0) for state in STATES}

    def running_on(self, host: str) -> int:
        """Return the number of jobs that run on a machine."""
        here = (JobRow.state == "running", JobRow.host == host)
        with self.writing() as session:
            return session.scalar(select(func.count()).where(*here)) or 0

    def cancel(self, job: Job, how: Cancel) -> Job:
        """End a job: a queued one at once, a running one as soon as its process sees it.

        A job that has ended stays as it is, and one that is to end now is not drained again.
        """
        with self.writing() as session:
            change(
                session,
                (JobRow.id == job.id, JobRow.state == "queued"),
                state="cancelled",
                cancel=how,
                ended_at=datetime.now(UTC),
            )
            running: tuple[ColumnElement[bool], ...] = (JobRow.id == job.id, JobRow.state == "running")
            if how == "drain":
                running = (*running, JobRow.cancel.is_(None))
            change(session, running, cancel=how)
        return self.get(job.id)

    def beat(self, id: str, holder: str, used_s: float) -> Cancel | None:  # noqa: A002
        """Write a sign of life of a running job, and return how it is to end, None if it is not.

        Args:
            id: Id of the job.
            holder: Process that runs it.
            used_s: Seconds since the last sign.

        Raises:
            NotFoundError: if the job is no longer that process's.
        """
        with self.writing() as session:
            held = (JobRow.id == id, JobRow.holder == holder, JobRow.state == "running")
            if not change(session, held, beats=JobRow.beats + 1, used_s=JobRow.used_s + used_s):
                raise NotFoundError("Another process has taken this job over: expected one process a job.")
            charge(session, id, used_s, datetime.now(UTC))
            return cast("Cancel | None", session.scalar(select(JobRow.cancel).where(JobRow.id == id)))

    def hold(self, id: str, holder: str, *, process: int, machine: str, host: str) -> None:  # noqa: A002
        """Write which process runs a job.

        Raises:
            NotFoundError: if the job is no longer that process's.
        """
        with self.writing() as session:
            held = (JobRow.id == id, JobRow.holder == holder, JobRow.state == "running")
            if not change(session, held, process=process, machine=machine[:255], host=host[:255]):
                raise NotFoundError("Another process has taken this job over: expected one process a job.")

    def finish(
        self,
        id: str,  # noqa: A002
        holder: str,
        state: State,
        *,
        exit_status: int | None = None,
        error: str | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> bool:
        """Move a running job to another state; return whether it was still the holder's.

        Args:
            id: Id of the job.
            holder: Process that runs it.
            state: State that it takes; ``queued`` for one that goes on later.
            exit_status: What the command would have ended with.
            error: Why it failed, in one line.
            result: What came of it, where no study has it.
        """
        ended = None if state == "queued" else datetime.now(UTC)
        with self.writing() as session:
            held = (JobRow.id == id, JobRow.holder == holder, JobRow.state == "running")
            return change(
                session,
                held,
                state=state,
                holder=None,
                process=None,
                machine=None,
                ended_at=ended,
                exit_status=exit_status,
                error=JobRow.error if state == "cancelled" and error is None else error,
                result=None if result is None else json.dumps(dict(result)),
            )


def _check_queue(session: Session, user: str, study: str, kind: Kind) -> None:
    same = (JobRow.study == study, JobRow.kind == kind, JobRow.state.in_(sorted(OPEN)))
    if session.scalar(select(func.count()).where(*same)):
        raise _taken(study, kind)
    waiting = session.scalar(select(func.count()).where(JobRow.user == user, JobRow.state == "queued")) or 0
    if waiting >= QUEUED_AT_ONCE:
        raise TooManyError(
            f"You have {waiting} jobs in the queue: expected at most {QUEUED_AT_ONCE}. Wait for some to "
            f"run, or cancel some.",
            retry_s=60.0,
        )


def _taken(study: str, kind: Kind) -> ConflictError:
    name = study.partition(".")[2]
    otherwise = ", or choose another name with 'study'" if kind == "search" else ""
    return ConflictError(
        f"A job ({kind}) of the study '{name}' waits or runs already: expected one at a time. Wait for "
        f"it{otherwise}."
    )


def change(session: Session, where: Sequence[ColumnElement[bool]], **values: Any) -> bool:
    """Change the rows that meet all conditions, and return whether there were any."""
    found = session.execute(update(JobRow).where(*where).values(**values).returning(JobRow.number)).all()
    return bool(found)


def job_of(row: JobRow) -> Job:
    """Return a row as plain data."""
    return Job(
        number=row.number,
        id=row.id,
        kind=cast("Kind", row.kind),
        user=row.user,
        state=cast("State", row.state),
        cancel=cast("Cancel | None", row.cancel),
        priority=row.priority,
        study=row.study,
        options=json.loads(row.options),
        submitted_at=row.submitted_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        used_s=row.used_s,
        error=row.error,
        exit_status=row.exit_status,
        result=None if row.result is None else json.loads(row.result),
    )
