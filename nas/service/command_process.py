"""Runs a command in a process of its own, in its turn and within a limit of time."""

import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from nas.service.refusals import RefusedError
from nas.service.turns import Turns

TURNS: Final = Turns("commands", 4, each=3, waiting=12, wait_s=30.0)  # each takes a core and a gigabyte
LIMIT_S: Final = 900.0
_RUNNING: Final[set[subprocess.Popen[str]]] = set()


def run_process(
    module: str, words: Sequence[str], *, folder: Path, environment: Mapping[str, str], caller: str
) -> "subprocess.CompletedProcess[str]":
    """Run a module to its end and return what it printed.

    Args:
        module: Module that is run.
        words: Its arguments.
        folder: Folder in which it runs.
        environment: Its environment.
        caller: User who asks.

    Raises:
        RefusedError: if it takes too long.
        TooManyError: if too many run already.
    """
    with (
        TURNS.turn(caller),
        subprocess.Popen(
            [sys.executable, "-P", "-m", module, *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # what it starts ends with it
        ) as process,
    ):
        _RUNNING.add(process)
        try:
            output, messages = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise RefusedError(f"This took more than {LIMIT_S:g} s: expected less. Ask for less.") from None
        finally:
            _end(process)
            _RUNNING.discard(process)
    return subprocess.CompletedProcess(words, process.returncode, output, messages)


def refused(messages: str, status: int) -> RefusedError:
    """Return the error of a command that could not do what was asked.

    Args:
        messages: What it said.
        status: Its exit status.
    """
    error = RefusedError((messages.strip().splitlines() or ["The command refused."])[-1])
    error.status, error.exit_status = HTTPStatus.CONFLICT, status
    return error


def _end(process: "subprocess.Popen[str]") -> None:
    """End a process and all that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


@atexit.register
def _end_all() -> None:
    for process in tuple(_RUNNING):
        _end(process)
