"""Writes what happens to a study into the log in its folder: what is shown, and what our modules note."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from typing_extensions import override

from nas.files.folder_errors import unwritable

LOG: Final = "search.log"
_OURS: Final = ("nas", "trials", "search_spaces")
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def study_log(folder: Path) -> Iterator[None]:
    """Add what our modules and Ray log to the log of a study while the block runs.

    The log has our modules' messages from INFO on. Handlers of the program around us receive what they
    received before.

    Args:
        folder: Folder of the study, on this machine.

    Raises:
        FilesError: if the log cannot be made or written.
    """
    loggers = [logging.getLogger(name) for name in (*_OURS, "ray")]
    handlers = {logger.name: _handler(folder) for logger in loggers}  # Ray formats those of its logger anew
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    forwards = {logger.name: _Forward(logger) for logger in loggers if logger.propagate}
    for logger in loggers:
        logger.addHandler(handlers[logger.name])
        if logger.name in _OURS:
            logger.setLevel(min(logging.INFO, logger.getEffectiveLevel()))
            if logger.name in forwards:
                logger.addHandler(forwards[logger.name])
                logger.propagate = False
    try:
        yield
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(handlers[logger.name])
            handlers[logger.name].close()
            if logger.name in _OURS:
                logger.removeHandler(forwards.get(logger.name, handlers[logger.name]))
                logger.setLevel(level)
                logger.propagate = propagate


def _handler(folder: Path) -> logging.Handler:
    try:
        handler = _LogFile(folder / LOG, encoding="utf-8")
    except OSError as error:
        raise unwritable(folder / LOG, error) from error
    handler.setFormatter(logging.Formatter(_FORMAT))
    return handler


class _LogFile(logging.FileHandler):
    """Leaves out lines that find no room, without a word: whatever else needs room says so, in one line."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    @override
    def close(self) -> None:
        with suppress(OSError):  # what is left to write
            super().close()


class _Forward(logging.Handler):
    """Hands on what a logger handed on before its level was lowered."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger.getEffectiveLevel())

    @override
    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger().callHandlers(record)
