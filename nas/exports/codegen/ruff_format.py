"""Formats generated Python with ruff's default rules and format, so that other repositories accept it."""

import subprocess
import sys

from search_spaces.errors import ExportError


def formatted(source: str) -> str:
    """Return Python source that passes ruff's default rules, in its default format.

    Raises:
        ExportError: if it is not valid Python.
    """
    compact = ["format", "--config", "format.skip-magic-trailing-comma=true"]
    return _ruff(compact, _ruff(["check", "--fix-only", "--no-cache"], source))


def _ruff(arguments: list[str], source: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--stdin-filename", "export.py", "-"]
    done = subprocess.run(
        command, input=source, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise ExportError(f"Cannot format an exported file with ruff: {done.stderr.strip()}")
    return done.stdout
