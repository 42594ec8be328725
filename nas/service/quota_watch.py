"""Drains running jobs of users who have used up a quota, and says why in the job."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from nas.service.full_disks import FullDisks
from nas.service.job import Job
from nas.service.job_table import JobTable, change
from nas.service.quotas import Quotas
from nas.service.workers import Workers
from nas.storage.schema import JobRow
from search_spaces.errors import UserError

_log = logging.getLogger(__name__)

PAUSE_S: Final = 5.0
_MOST_RUNNING: Final = 10_000


class QuotaWatch:
    """A thread that looks after running jobs; use it in a ``with`` block. Several servers may have one each.

    Args:
        table: The jobs.
        workers: What they run with.
        clock: Returns monotonic time in seconds.
    """

    def __init__(
        self, table: JobTable, workers: Workers, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table, self._workers = table, workers
        self._quotas = Quotas(table, workers.quota)
        self._full = FullDisks(table, workers, kept="room", clock=clock)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quotas", daemon=True)

    def __enter__(self) -> "QuotaWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        """Drain each running job whose user has used up a quota."""
        running = [
            job for job in self._table.page(state="running", limit=_MOST_RUNNING) if job.cancel is None
        ]
        if not running:
            return
        quotas, used_s = self._quotas.all(), self._quotas.used_s()
        for job in running:
            quota = quotas.get(job.user, self._workers.quota)
            reason = quota.exceeded_hours(used_s.get(job.user, 0.0))
            reason = reason or self._full.reason(job.user)
            if reason is not None:
                self._drain(job, reason)

    def _drain(self, job: Job, reason: str) -> None:
        mine = (JobRow.id == job.id, JobRow.state == "running", JobRow.cancel.is_(None))
        with self._table.writing() as session:
            change(session, mine, cancel="drain", error=reason)

    def _run(self) -> None:
        while not self._ended.wait(PAUSE_S):
            try:
                self.look()
            except (UserError, SQLAlchemyError, OSError) as error:  # the database is away, or files vanish
                _log.warning("Quotas are not looked at: %s", error)
            except Exception:  # the thread has to live
                _log.exception("Quotas are not looked at")
