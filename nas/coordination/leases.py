"""Leases on trials in PostgreSQL: heartbeats of drivers, and expiry of the leases of dead drivers.

Guarantees:

* A trial has at most one holder at a time, and only the holder writes into it.
* A lease is valid while its driver lives. Each driver increments a counter in the database. A driver whose
  counter has not changed for `SILENCE_S` is taken for dead, and its leases expire. No clocks of different
  machines are compared: each driver observes the counters with its own monotonic clock, and time in which it
  could not reach the database does not count. So neither a changed system clock nor an outage of the database
  makes a live driver lose its leases.
* A driver that was suspended and lost its leases notices before it writes again.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.orm import Session

from nas.coordination.observed_beats import ObservedBeats
from nas.coordination.trial_ownership import NoTurnError
from nas.storage.database import connect, storage_errors
from nas.storage.schema import DriverRow, LeaseRow
from nas.study.processes import has_ended, this_process
from search_spaces.errors import StorageError

_log = logging.getLogger(__name__)

BEAT_S: Final = 5.0
SILENCE_S: Final = 60.0  # twelve beats: a busy host may miss several
_TURN_KEY: Final = (
    0x6E61  # "na": first key of the advisory lock held while proposing; the second is the study's id
)
_TURN_S: Final = 300  # PostgreSQL ends the turn of a driver that hangs for so many seconds
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A process that searches a study.

    Attributes:
        id: Unique id of this run of the process.
        host: Name of its host.
        process: Process id (pid) on the host.
        machine: Machine and start time of the process, see `nas.study.processes.this_process`.
    """

    id: str
    host: str
    process: int
    machine: str

    def __str__(self) -> str:
        """Return process id and host, for messages."""
        return f"process {self.process} on {self.host}"


def this_driver(host: str) -> Driver:
    """Return this process as a driver."""
    process, machine = this_process()
    return Driver(id=uuid.uuid4().hex, host=host, process=process, machine=machine)


def live_driver(url: str, study_id: int, *, sleep: Callable[[float], None] = time.sleep) -> Driver | None:
    """Return a live driver of a study, None if there is none.

    Observes the drivers for up to two beats; returns at once if none can be alive.

    Args:
        url: URL of the PostgreSQL database.
        study_id: Optuna's id of the study.
        sleep: Waits for a number of seconds.
    """
    engine = connect(url)
    try:
        before = {row.id: row.beats for row in _drivers(engine, url, study_id)}
        for _ in range(2 * round(BEAT_S)):
            rows = [r for r in _drivers(engine, url, study_id) if not has_ended(r.process, r.machine)]
            for row in rows:
                if row.beats != before.get(row.id):
                    return Driver(id=row.id, host=row.host, process=row.process, machine=row.machine)
            if not rows:
                return None
            sleep(1.0)
        return None
    finally:
        engine.dispose()


def _drivers(engine: Engine, url: str, study_id: int) -> list[DriverRow]:
    with storage_errors(url), Session(engine) as session:
        return list(session.scalars(select(DriverRow).where(DriverRow.study_id == study_id)))


class Leases:
    """The leases of one study in PostgreSQL, used by one of its drivers.

    Any method may be called from any thread, and raises `StorageError` while the database is unreachable.

    Args:
        url: URL of the database.
        study_id: Optuna's id of the study.
        driver: This process.
        silence_s: Seconds without a heartbeat after which a driver's leases expire.
        clock: Returns monotonic time in seconds.
    """

    def __init__(
        self,
        url: str,
        study_id: int,
        driver: Driver,
        *,
        silence_s: float = SILENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url: Final = url
        self._study: Final = study_id
        self._driver: Final = driver
        self._silence_s: Final = silence_s
        self._engine: Final[Engine] = connect(url)
        self._observed: Final = ObservedBeats(clock)

    def __enter__(self) -> "Leases":
        self.beat()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with self._writing() as session:
                session.execute(delete(DriverRow).where(DriverRow.id == self._driver.id))
        except StorageError as error:  # they expire once other drivers miss the heartbeat
            _log.warning("The leases were not released: %s", error)
        finally:
            self._engine.dispose()

    def beat(self) -> None:
        """Send a heartbeat, and observe those of the other drivers."""
        with self._writing() as session:
            mine = update(DriverRow).where(DriverRow.id == self._driver.id)
            found = session.execute(mine.values(beats=DriverRow.beats + 1).returning(DriverRow.id)).first()
            if found is None:  # the first beat, or another driver took this one for dead
                session.add(self._row())
        self._observed.observe({row.id: row.beats for row in self._others()})

    @contextmanager
    def turn(self, given_up: Callable[[], bool]) -> Iterator[frozenset[int]]:
        """Wait until no other driver proposes, and keep the others waiting while the block runs.

        The leases of dead drivers expire first. So inside the block a running trial without a lease was left
        by a dead driver.

        Args:
            given_up: Returns whether to stop waiting.

        Yields:
            Numbers of the trials that other drivers train.

        Raises:
            NoTurnError: if waiting was stopped.
        """
        with ExitStack() as stack:
            with storage_errors(self._url):  # not around the block, whose errors are its own
                connection = stack.enter_context(self._engine.connect())
                wanted = text("SELECT pg_try_advisory_xact_lock(:key, :study)")
                while not connection.execute(wanted, {"key": _TURN_KEY, "study": self._study}).scalar():
                    connection.rollback()
                    if given_up():
                        raise NoTurnError
                    time.sleep(_POLL_S)
                connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{_TURN_S}s'"))
                self._expire_leases()
                others = frozenset(t for t, driver in self._held().items() if driver != self._driver.id)
            yield others

    def take(self, trial: int) -> None:
        """Take the lease of a trial; call it in this driver's turn."""
        with self._writing() as session:
            session.merge(LeaseRow(study_id=self._study, trial=trial, driver=self._driver.id))

    def drop(self, trial: int) -> None:
        """Release the lease of a trial."""
        mine = LeaseRow.driver == self._driver.id
        with self._writing() as session:
            session.execute(
                delete(LeaseRow).where(LeaseRow.study_id == self._study, LeaseRow.trial == trial, mine)
            )

    def holds(self, trial: int) -> bool:
        """Return whether this driver still holds the lease of a trial."""
        return self._held().get(trial) == self._driver.id

    def _held(self) -> dict[int, str]:
        wanted = select(LeaseRow.trial, LeaseRow.driver).where(LeaseRow.study_id == self._study)
        with self._writing() as session:
            return {row.trial: row.driver for row in session.execute(wanted)}

    def _others(self) -> list[DriverRow]:
        rows = _drivers(self._engine, self._url, self._study)
        return [row for row in rows if row.id != self._driver.id]

    def _expire_leases(self) -> None:
        """Delete drivers without a heartbeat for too long, or whose process has ended, and their leases."""
        for row in self._others():
            silent = self._observed.silent_s(row.id, row.beats) >= self._silence_s
            if silent or has_ended(row.process, row.machine):
                with self._writing() as session:
                    session.execute(
                        delete(DriverRow).where(DriverRow.id == row.id, DriverRow.beats == row.beats)
                    )

    def _row(self) -> DriverRow:
        return DriverRow(
            id=self._driver.id,
            study_id=self._study,
            host=self._driver.host[:255],
            process=self._driver.process,
            machine=self._driver.machine[:255],
            beats=0,
            began_at=datetime.now(UTC),
        )

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with storage_errors(self._url), Session(self._engine) as session, session.begin():
            yield session
