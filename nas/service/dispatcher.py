"""Keeps the workers of a server busy: begins jobs in processes of their own, takes over orphaned ones."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from nas.service.full_disks import FullDisks
from nas.service.job_queue import Held, OrphanWatch, begin_next
from nas.service.job_table import JobTable
from nas.service.study_reader import StudyReader
from nas.service.workers import Workers
from search_spaces.errors import UserError

_log = logging.getLogger(__name__)

PAUSE_S: Final = 0.5
_LEAVING_S: Final = 20.0


class Dispatcher:
    """A thread that begins jobs while there are free workers; use it in a ``with`` block.

    The processes of jobs outlive a server that is killed, and a later one counts them as its workers. One
    that is stopped in order stops them too, and they go on when a server runs again.

    Args:
        table: The jobs.
        workers: What they run with.
    """

    def __init__(self, table: JobTable, workers: Workers) -> None:
        self._table, self._workers = table, workers
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._full = FullDisks(table, workers, kept="full")
        self._orphans = OrphanWatch(table, StudyReader(table.url).epochs)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def __enter__(self) -> "Dispatcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline_s = time.monotonic() + _LEAVING_S
        for process in self._running.values():
            try:
                process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()  # the next server finds that it has ended
                process.wait()

    def step(self) -> None:
        """Look once after what has ended, what is orphaned and what can begin."""
        self._running = {one: process for one, process in self._running.items() if process.poll() is None}
        for job in self._orphans.look():
            _log.warning("The process of search %s has died; the search is %s now.", job.id, job.state)
        while self._busy() < self._workers.count:
            held = begin_next(
                self._table,
                host=_host(),
                at_once=self._workers.jobs_at_once,
                quota=self._workers.quota,
                is_full=lambda user: self._full.reason(user) is not None,
            )
            if held is None:
                return
            self._begin(held)

    def _run(self) -> None:
        failing = False
        while not self._ended.wait(PAUSE_S):
            try:
                self.step()
                failing = False
            except (UserError, SQLAlchemyError, OSError) as error:  # an outage of the database or a full disk
                if not failing:
                    _log.warning("No search begins: %s", error)
                failing = True
            except Exception:  # the thread has to live: the server would answer, and nothing would begin
                if not failing:
                    _log.exception("No search begins")
                failing = True

    def _busy(self) -> int:
        """Return how many jobs run on this machine, those that an earlier server began included."""
        return self._table.running_on(_host())

    def _begin(self, held: Held) -> None:
        data = self._workers.data_of(held.job.user).get(str(held.job.options.get("data", "digits")))
        if data is None:
            self._table.finish(
                held.job.id,
                held.holder,
                "failed",
                exit_status=2,
                error=f"The server has no data set '{held.job.options['data']}' any more: expected one of "
                f"{', '.join(self._workers.data)}. Ask its administrator.",
            )
            return
        log = self._workers.log_of(held.job.id)
        log.parent.mkdir(parents=True, exist_ok=True)
        arguments = [
            held.job.id,
            held.holder,
            str(self._workers.storage_path),
            data,
            self._workers.address or "",
        ]
        with log.open("ab") as output:
            self._running[held.job.id] = subprocess.Popen(
                [sys.executable, "-P", "-m", "nas.service.job_process", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal of the server is the server's
                env={
                    **os.environ,
                    "NAS_STORAGE": self._table.url,
                    "OMP_NUM_THREADS": self._workers.threads_of(held.job.kind),
                },
            )


def _host() -> str:
    return socket.gethostname()[:255]
