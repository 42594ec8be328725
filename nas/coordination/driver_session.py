"""Joins the drivers of a study, becomes its only one, or keeps them all away."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import optuna
from sqlalchemy import make_url

from nas.coordination.leases import BEAT_S, Leases, living_driver, this_driver
from nas.coordination.study_lock import in_use, only_driver
from nas.coordination.trial_ownership import SoleDriver, TrialOwnership
from nas.files.locating import files_of
from nas.storage.store import Store
from nas.study.study import url_of
from search_spaces.errors import StorageError

_log = logging.getLogger(__name__)


@contextmanager
def driver_session(url: str, study: optuna.Study, folder: Path) -> Iterator[TrialOwnership]:
    """Be a driver of a study while the block runs, and know who trains what.

    In SQLite a study has one driver. In PostgreSQL any number share it, and keep alive while the block runs.

    Args:
        url: Of its storage.
        study: What is driven.
        folder: Of the study; all its drivers see the same one.

    Raises:
        StudyError: if the study is in use; names by whom.
    """
    shared = _is_shared(url)
    with ExitStack() as stack:
        stack.enter_context(only_driver(folder, study.study_name, shared=shared))
        if not shared:
            yield SoleDriver()
            return
        number = study._study_id  # noqa: SLF001 -- Optuna has no public way
        leases = stack.enter_context(Leases(url, number, this_driver(socket.gethostname())))
        stack.enter_context(_beating(leases))
        yield leases


@contextmanager
def unused(study: optuna.Study) -> Iterator[None]:
    """Keep drivers away from a study while the block runs.

    Nobody who shares the folder can begin meanwhile. Drivers on other machines, whom PostgreSQL knows, are
    looked for once, which takes ten seconds where one died without a word.

    Args:
        study: What nobody may drive.

    Raises:
        StudyError: if the study is in use; names by whom.
    """
    folder, url = files_of(study).own, url_of(study)
    with only_driver(folder, study.study_name) if folder.exists() else nullcontext():
        if url is not None and _is_shared(url):
            with Store(url):
                pass  # our tables are there now
            driver = living_driver(url, study._study_id)  # noqa: SLF001 -- Optuna has no public way
            if driver is not None:
                raise in_use(study.study_name, str(driver))
        yield


def _is_shared(url: str) -> bool:
    """Return whether a study in this storage may have several drivers."""
    return make_url(url).get_backend_name() == "postgresql"


@contextmanager
def _beating(leases: Leases) -> Iterator[None]:
    """Show that this driver lives while the block runs, whenever the database answers."""
    ended = threading.Event()

    def beat() -> None:
        away = False
        while not ended.wait(BEAT_S):
            try:
                leases.beat()
                away = False
            except StorageError as error:
                if not away:
                    _log.warning("No heartbeat: %s", error)
                away = True

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(BEAT_S)
