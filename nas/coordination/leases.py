"""Shares the trials of one study among drivers: each is trained by the one that holds its lease.

What is promised:

* A trial has one holder at any time; nobody but the holder writes into it.
* A lease is held for as long as its driver lives. Drivers count up in the database, and whoever has watched a
  count stand still for long enough takes the leases of that driver over. No clocks are compared: each driver
  watches by its own, which only rises, and time in which it could not reach the database does not count. So
  neither a clock that is set nor a database that was away makes anybody lose a lease.
* A driver that was held up and lost its leases learns so before it writes again.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.orm import Session

from nas.coordination.processes import is_gone, this_process
from nas.coordination.trial_ownership import NoTurnError
from nas.storage.database import connect, storage_errors
from nas.storage.schema import DriverRow, LeaseRow
from search_spaces.errors import StorageError

_log = logging.getLogger(__name__)

BEAT_S: Final = 5.0
SILENCE_S: Final = 60.0  # several beats: a busy host may miss some
_TURN_KEY: Final = 0x6E61  # "na": whoever proposes for a study holds this lock of PostgreSQL and its number
_TURN_S: Final = 300  # after which a driver that does not answer loses its turn
_POLL_S: Final = 0.05


@dataclass(slots=True)
class _Watched:
    beats: int
    silent_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A process that searches a study.

    Attributes:
        id: Of this run of it.
        host: Where it runs.
        process: Its number there.
        machine: See `nas.coordination.processes.this_process`.
    """

    id: str
    host: str
    process: int
    machine: str

    def __str__(self) -> str:
        """Return who it is, in words."""
        return f"process {self.process} on {self.host}"


def this_driver(host: str) -> Driver:
    """Return this process as a driver."""
    process, machine = this_process()
    return Driver(id=uuid.uuid4().hex, host=host, process=process, machine=machine)


def living_driver(url: str, study_id: int, *, sleep: Callable[[float], None] = time.sleep) -> Driver | None:
    """Return a driver of a study that lives, None if none does.

    Takes up to two beats, unless no driver is known that may live.

    Args:
        url: Of the database, in PostgreSQL.
        study_id: Optuna's number of the study.
        sleep: Waits so many seconds.
    """
    engine = connect(url)
    try:
        before = {row.id: row.beats for row in _drivers(engine, url, study_id)}
        for _ in range(2 * round(BEAT_S)):
            rows = [r for r in _drivers(engine, url, study_id) if not is_gone(r.process, r.machine)]
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


@dataclass(slots=True)
class _Sight:
    """What a driver has seen of the others."""

    last_s: float
    others: dict[str, _Watched] = field(default_factory=dict)


class Leases:
    """The leases of one study in PostgreSQL, as one of its drivers sees them.

    Any method may be called from any thread, and raises `StorageError` while the database is away.

    Args:
        url: Of the database.
        study_id: Optuna's number of the study.
        driver: Who asks.
        silence_s: After how many seconds without a beat a driver has lost its leases.
        clock: Returns seconds that only rise.
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
        self._clock: Final = clock
        self._engine: Final[Engine] = connect(url)
        self._sight = _Sight(last_s=clock())

    def __enter__(self) -> "Leases":
        self.beat()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with self._writing() as session:
                session.execute(delete(DriverRow).where(DriverRow.id == self._driver.id))
        except StorageError as error:  # the others will see that this driver has ended
            _log.warning("The leases were not given back: %s", error)
        finally:
            self._engine.dispose()

    def beat(self) -> None:
        """Show that this driver lives, and see which of the others do."""
        with self._writing() as session:
            mine = update(DriverRow).where(DriverRow.id == self._driver.id)
            found = session.execute(mine.values(beats=DriverRow.beats + 1).returning(DriverRow.id)).first()
            if found is None:  # the first beat, or somebody has taken this driver for dead
                session.add(self._row())
        others = self._others()
        now = self._clock()
        passed_s = min(now - self._sight.last_s, 2 * BEAT_S)  # what it did not see does not count
        seen = self._sight.others
        self._sight = _Sight(now, {row.id: _watched(seen.get(row.id), row.beats, passed_s) for row in others})

    @contextmanager
    def turn(self, given_up: Callable[[], bool]) -> Iterator[frozenset[int]]:
        """Be the only driver that proposes, while the block runs, and know who trains what.

        The leases of drivers that have ended are given up first. So a trial that runs in the study and has no
        lease in here was left by a driver that died.

        Args:
            given_up: Whether the turn is no longer wanted.

        Yields:
            The numbers of the trials that others train.

        Raises:
            NoTurnError: if it was given up.
        """
        with storage_errors(self._url), self._engine.connect() as connection:
            wanted = text("SELECT pg_try_advisory_xact_lock(:key, :study)")
            while not connection.execute(wanted, {"key": _TURN_KEY, "study": self._study}).scalar():
                connection.rollback()
                if given_up():
                    raise NoTurnError
                time.sleep(_POLL_S)
            connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{_TURN_S}s'"))
            self._bury()
            yield frozenset(t for t, driver in self._held().items() if driver != self._driver.id)

    def take(self, trial: int) -> None:
        """Become the holder of a trial, in this driver's turn."""
        with self._writing() as session:
            session.merge(LeaseRow(study_id=self._study, trial=trial, driver=self._driver.id))

    def drop(self, trial: int) -> None:
        """Give up a trial that has ended."""
        mine = LeaseRow.driver == self._driver.id
        with self._writing() as session:
            session.execute(
                delete(LeaseRow).where(LeaseRow.study_id == self._study, LeaseRow.trial == trial, mine)
            )

    def holds(self, trial: int) -> bool:
        """Return whether this driver still holds a trial."""
        return self._held().get(trial) == self._driver.id

    def _held(self) -> dict[int, str]:
        wanted = select(LeaseRow.trial, LeaseRow.driver).where(LeaseRow.study_id == self._study)
        with self._writing() as session:
            return {row.trial: row.driver for row in session.execute(wanted)}

    def _others(self) -> list[DriverRow]:
        rows = _drivers(self._engine, self._url, self._study)
        return [row for row in rows if row.id != self._driver.id]

    def _bury(self) -> None:
        """Forget the drivers that have ended, and their leases with them."""
        sight = self._sight.others
        for row in self._others():
            seen = sight.get(row.id)
            silent = seen is not None and seen.beats == row.beats and seen.silent_s >= self._silence_s
            if silent or is_gone(row.process, row.machine):
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


def _watched(before: _Watched | None, beats: int, passed_s: float) -> _Watched:
    if before is None or before.beats != beats:
        return _Watched(beats)
    return _Watched(beats, before.silent_s + passed_s)
