"""Formats generated Python as ruff does by default, so that it passes where it is dropped in."""

import subprocess
import sys

from search_spaces.errors import ExportError


def formatted(source: str) -> str:
    """Return Python source in ruff's default format.

    Raises:
        ExportError: if it is not Python, which is the fault of the source that was lifted.
    """
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--stdin-filename", "export.py", "-"]
    done = subprocess.run(
        command, input=source, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise ExportError(f"Cannot format an exported file with ruff: {done.stderr.strip()}")
    return done.stdout
