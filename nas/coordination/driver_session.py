"""Registers this process as a driver of a study, sends its heartbeat, or keeps all drivers out."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import optuna
from sqlalchemy import make_url

from nas.coordination.leases import BEAT_S, Leases, live_driver, this_driver
from nas.coordination.study_lock import study_in_use, study_lock
from nas.coordination.trial_ownership import SoleDriver, TrialOwnership
from nas.files.local_files import LocalFiles
from nas.files.locating import files_of
from nas.files.ownership import is_own
from nas.storage.optuna_internals import database_url, study_id_of
from nas.storage.store import Store
from search_spaces.errors import StorageError

_log = logging.getLogger(__name__)


@contextmanager
def driver_session(url: str, study: optuna.Study, folder: Path) -> Iterator[TrialOwnership]:
    """Register this process as a driver of a study while the block runs; yield the ownership of its trials.

    With SQLite a study has one driver. With PostgreSQL several drivers share it, and each sends heartbeats.

    Args:
        url: URL of the storage.
        study: Study to search.
        folder: Folder of the lock file; all drivers on a shared folder see the same one.

    Raises:
        StudyError: if the study is in use; the message names the process.
    """
    shared = is_shared(url)
    with ExitStack() as stack:
        stack.enter_context(study_lock(folder, study.study_name, shared=shared))
        if not shared:
            yield SoleDriver()
            return
        number = study_id_of(study)
        leases = stack.enter_context(Leases(url, number, this_driver(socket.gethostname())))
        stack.enter_context(_heartbeats(leases))
        yield leases


@contextmanager
def without_drivers(study: optuna.Study) -> Iterator[None]:
    """Keep drivers out of a study while the block runs.

    The lock file keeps out drivers that share the folder. Drivers on other machines, registered in
    PostgreSQL, are checked once at the start; this takes ten seconds if one died without deregistering.

    Args:
        study: Study that nobody may search meanwhile.

    Raises:
        StudyError: if the study is in use; the message names the process.
    """
    folder, url = files_of(study).local_folder, database_url(study)
    # In the folder of a study that this one was copied from, its drivers do not matter.
    locked = folder.exists() and is_own(study, LocalFiles(folder))
    with study_lock(folder, study.study_name) if locked else nullcontext():
        if url is not None and is_shared(url):
            with Store(url):
                pass  # creates our tables if they are missing
            driver = live_driver(url, study_id_of(study))
            if driver is not None:
                raise study_in_use(study.study_name, str(driver))
        yield


def is_shared(url: str) -> bool:
    """Return whether a study in this storage can have several drivers."""
    return make_url(url).get_backend_name() == "postgresql"


@contextmanager
def _heartbeats(leases: Leases) -> Iterator[None]:
    """Send heartbeats from a thread while the block runs; outages of the database are logged."""
    ended = threading.Event()

    def beat() -> None:
        failing = False
        while not ended.wait(BEAT_S):
            try:
                leases.beat()
                failing = False
            except StorageError as error:
                if not failing:
                    _log.warning("No heartbeat: %s", error)
                failing = True

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(BEAT_S)
