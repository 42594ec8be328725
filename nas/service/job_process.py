"""Runs one job in a process of its own: its work in the main thread, signs of life from another.

    python -m nas.service.job_process ID HOLDER STORAGE_PATH DATA ADDRESS

The database URL is in ``$NAS_STORAGE``, since others on this machine can read arguments.
"""

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, Final

from nas import api
from nas.service.command_job import run_job_command
from nas.service.command_run import Desk
from nas.service.job import Cancel, Job, State
from nas.service.job_table import JobTable
from nas.service.refusals import NotFoundError
from nas.storage.retry import Retry, is_outage
from nas.study.processes import this_process
from search_spaces.errors import StorageError, UserError

_log = logging.getLogger(__name__)

BEAT_S: Final = 1.0
"""Seconds between two signs of life; a cancelled job sees it after as many."""
_STATES: Final[dict[int, State]] = {0: "done", 130: "cancelled"}
_DEFECT: Final = "A defect of this program ended the work: its traceback is in the log."
LEAVING_S: Final = 6.0
"""Seconds that a job which is to end now has for an orderly end."""


class Beats:
    """Sends signs of life of a job from a thread, and ends the search when the job is cancelled or lost.

    Args:
        table: The jobs.
        job: The job.
        holder: Id of this attempt.
    """

    def __init__(self, table: JobTable, job: Job, holder: str) -> None:
        self._table, self._job, self._holder = table, job, holder
        self._ended = threading.Event()
        self._sent: Cancel | None = None
        self._last_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="job heartbeat", daemon=True)

    def __enter__(self) -> "Beats":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(BEAT_S):
            try:
                self._beat()
            except NotFoundError:
                os._exit(1)  # another process has the job: nothing more may be written
            except StorageError as error:  # the search itself waits for the database
                _log.warning("No heartbeat: %s", error)

    def _beat(self) -> None:
        now_s = time.monotonic()
        cancel = self._table.beat(self._job.id, self._holder, now_s - self._last_s)
        self._last_s = now_s
        if cancel != self._sent:
            self._sent = cancel
            os.kill(os.getpid(), signal.SIGINT if cancel == "drain" else signal.SIGTERM)
            if cancel == "now":
                threading.Timer(LEAVING_S, self._leave).start()

    def _leave(self) -> None:
        if self._ended.is_set():
            return
        try:
            self._table.finish(self._job.id, self._holder, "cancelled", exit_status=130)
        except StorageError as error:  # whoever finds that this process has ended writes it
            _log.warning("The end was not written: %s", error)
        finally:
            os._exit(130)  # Ray's processes end with this one


def run(
    id: str,  # noqa: A002 -- what it is called in the API
    holder: str,
    storage_path: str,
    data: str,
    address: str = "",
) -> None:
    """Run a job to its end and write what came of it.

    Args:
        id: Id of the job.
        holder: Id of this attempt.
        storage_path: Folder for checkpoints, weights and logs.
        data: Name of an embedded data set, or path of the images.
        address: Address of the Ray cluster that trains; empty for this machine.
    """
    url = os.environ["NAS_STORAGE"]
    patient = Retry(lambda _: None, lambda: False)
    with patient(lambda: JobTable(url)) as table:
        job = patient(lambda: table.get(id))
        process, machine = this_process()
        patient(lambda: table.hold(id, holder, process=process, machine=machine, host=socket.gethostname()))
        with Beats(table, job, holder):
            state, status, error, result = _outcome(job, url, storage_path, data, address or None)
        if state == "cancelled" and patient(lambda: table.get(id)).cancel is None:
            state, status = "queued", None  # the server ends: it goes on when one runs again
        for number in (signal.SIGINT, signal.SIGTERM):  # the end is written, and the process is leaving
            signal.signal(number, signal.SIG_IGN)
        patient(
            lambda: table.finish(id, holder, state, exit_status=status, error=error, result=result)
        )  # what was done is not done again because the database was away at its end


def _outcome(
    job: Job, url: str, storage_path: str, data: str, address: str | None
) -> tuple[State, int | None, str | None, dict[str, Any] | None]:
    """Return the state of the job after its work, its exit status, why it failed, and what came of it."""
    if job.kind == "search":
        return *_searched(job, url, storage_path, data, address), None
    try:
        ended = run_job_command(job, url, Path(storage_path), data, address)
    except KeyboardInterrupt:
        return "cancelled", 130, None, None
    except StorageError:  # the database is away: no failure of the job, which goes back to the queue
        raise
    except Exception:
        _log.exception("The command ended with a defect")
        return "failed", 1, _DEFECT, None
    return _STATES.get(ended.status, "failed"), ended.status, ended.error, ended.result


def _searched(
    job: Job, url: str, storage_path: str, data: str, address: str | None
) -> tuple[State, int | None, str | None]:
    """Search, and return the state of the job, its exit status and why it failed."""
    try:
        os.environ["NAS_STUDIES_OF"] = job.user  # it names studies of its user, and sees no others
        options = {**with_files(job, Path(storage_path)), "data": data, "address": address}
        result = api.search(**options, study=job.name, storage_path=storage_path)
    except KeyboardInterrupt:
        return "cancelled", 130, None
    except UserError as error:
        if is_outage(error):
            raise  # no failure of the search, which goes back to the queue
        desk = Desk(url=url, user=job.user, storage_path=Path(storage_path))
        line = desk.hidden(str(error), Path(storage_path) / "service" / job.id)
        return "failed", error.exit_status, line
    except Exception:
        _log.exception("The search ended with a defect")
        return "failed", 1, _DEFECT
    return ("cancelled", 130, None) if result.interrupted else ("done", 0, None)


def with_files(job: Job, storage_path: Path) -> dict[str, Any]:
    """Return the options of a search; what was sent as data is written to files beside its log."""
    folder, options = storage_path / "service" / job.id, dict(job.options)

    def placed(given: object, file: str) -> object:
        if not isinstance(given, dict):
            return given
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(json.dumps(given), encoding="utf-8")  # JSON is YAML
        return str(folder / file)

    for name in ("space", "recipe"):
        if name in options:
            options[name] = placed(options[name], f"{name}.yaml")  # a recipe is called like its file
    if "seed_with" in options:
        options["seed_with"] = [placed(one, f"seed{n}.json") for n, one in enumerate(options["seed_with"])]
    return options


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the job that the arguments name."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the search has handlers of its own while it trains
        signal.signal(number, _interrupt)
    try:
        run(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except UserError as error:  # the database is away, or another process has the job
        sys.exit(str(error))


if __name__ == "__main__":
    main()
