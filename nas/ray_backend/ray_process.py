"""What Ray and Tune read from this process, and what they may not change in it: signals and its output."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OPTIONS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failure reports its reason alone
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",  # the study holds all state; Tune's is never read
}


@contextmanager
def own_signals() -> Iterator[tuple[signal.Signals, ...]]:
    """Restore the signal handlers after the block, which receives the signals that it may handle."""
    if threading.current_thread() is not threading.main_thread():
        yield ()  # the program around us handles signals
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield tuple(before)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def set_options() -> None:
    """Set the environment variables that Ray and Tune read here and in the processes that they start.

    Whoever has set one keeps it. `nas.api` puts all of them back.
    """
    have_home()
    for name, value in _OPTIONS.items():
        os.environ.setdefault(name, value)


def have_home() -> None:
    """Name a home folder where there is none, as for the number of a user without a name in a container.

    Ray asks for it as soon as it is imported, here and in its workers. What it would write there lies
    elsewhere (`nas.ray_backend.session_token`).
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"  # as containers have it for such users


def quieten() -> None:
    """Leave standard output and error to the search: Ray's messages are in the study's log."""
    logger = logging.getLogger("ray")
    for handler in list(logger.handlers):
        if not isinstance(handler, logging.FileHandler):
            logger.removeHandler(handler)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
