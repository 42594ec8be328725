"""Runs the command line in the process of the tests, which has imported what takes seconds."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


def nas_in_process(folder: Path, *words: str) -> Ended:
    """Run a command that trains nothing, as one types it in a folder.

    What only a process of its own shows (imports, signals, exit status of the shell, Ray) is shown by others.
    """
    from nas.__main__ import run

    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patched,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patched.chdir(folder)
        patched.setenv("COLUMNS", "120")
        patched.delenv("NAS_STORAGE", raising=False)
        status = run([*words])
    return Ended(status, out.getvalue(), err.getvalue())
