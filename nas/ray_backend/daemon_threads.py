"""Runs work in daemon threads, which do not keep a process alive that has to leave."""

import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T], name: str) -> concurrent.futures.Future[T]:
    """Return what `work` will return or raise.

    Args:
        work: Is begun at once.
        name: Name of the thread.
    """
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # whoever asks for the result gets it
            future.set_exception(error)

    _Background(target=run, name=name, daemon=True).start()
    return future


def left_behind() -> bool:
    """Return whether any work in the background is still going on."""
    return any(isinstance(thread, _Background) for thread in threading.enumerate())


class _Background(threading.Thread):
    """A thread that nobody has to wait for."""
