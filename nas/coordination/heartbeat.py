"""Sends the heartbeat of a search from a thread while a block runs."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from optuna.storages import BaseStorage

from nas.study.heartbeat import BEAT_S, Outcome, beat

_log = logging.getLogger(__name__)


class Heartbeat:
    """The heartbeat of one search.

    Attributes:
        outcome: What is written at the end of the block.
    """

    def __init__(self) -> None:
        self.outcome: Outcome = "interrupted"


@contextmanager
def heartbeat(
    storage: BaseStorage, study_id: int, *, every_s: float = BEAT_S, clock: Callable[[], float] = time.time
) -> Iterator[Heartbeat]:
    """Write signs of life of a study while the block runs, and its outcome at the end.

    A storage that is away is logged once and tried again; a search does not end because of it.

    Args:
        storage: Storage of the study.
        study_id: Optuna's number of the study.
        every_s: Seconds between two signs, above 0.
        clock: Returns seconds since 1970.
    """
    held, ended = Heartbeat(), threading.Event()
    failing = False

    def write(outcome: Outcome) -> None:
        nonlocal failing
        try:
            beat(storage, study_id, outcome, now_s=clock())
            failing = False
        except Exception as error:  # whatever the database says, the search itself will meet it too
            if not failing:
                _log.warning("No heartbeat: %s", error)
            failing = True

    def run() -> None:
        while not ended.wait(every_s):
            write("running")

    write("running")
    thread = threading.Thread(target=run, name="search heartbeat", daemon=True)
    thread.start()
    try:
        yield held
    finally:
        ended.set()
        thread.join(every_s)
        write(held.outcome)
