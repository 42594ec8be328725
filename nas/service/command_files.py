"""Files that commands write for a job: its report and its export, each in a process of its own."""

import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

from nas.service.job import Job
from nas.service.refusals import RefusedError, TooManyError

FORMATS: Final = {"html": "text/html", "md": "text/markdown", "csv": "text/csv"}
_AT_ONCE: Final = threading.BoundedSemaphore(2)  # each takes a core and a gigabyte
_WAIT_S: Final = 120.0
_LIMIT_S: Final = 900.0


def write_report(url: str, job: Job, kind: str, folder: Path) -> Path:
    """Write the report of a search as ``nas report`` does, and return the file.

    Args:
        url: URL of the database.
        job: The job of the search.
        kind: One of `FORMATS`.
        folder: Folder to write to.
    """
    file = folder / f"{job.name}.{kind}"
    _run(url, folder, "report", job.study, "--to", str(file))
    return file


def write_export(url: str, job: Job, trial: int | None, folder: Path) -> Path:
    """Write a network of a search as ``nas export`` does, and return it as a zip archive.

    Args:
        url: URL of the database.
        job: The job of the search.
        trial: Number of the network; None for the best that fits.
        folder: Folder to write to.
    """
    network = job.study if trial is None else f"{job.study}#{trial}"
    made = folder / "network"
    _run(url, folder, "export", network, "--to", str(made))
    archive = folder / f"{job.name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(path for path in made.rglob("*") if path.is_file()):
            packed.write(file, file.relative_to(folder))
    return archive


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder, which is removed after the block."""
    with tempfile.TemporaryDirectory(prefix="nas-service-") as folder:
        yield Path(folder)


def _run(url: str, folder: Path, *words: str) -> None:
    """Run a command in a folder.

    Raises:
        RefusedError: with the line of the command, if it says that the input cannot be used.
        TooManyError: if too many run already.
    """
    if not _AT_ONCE.acquire(timeout=_WAIT_S):
        raise TooManyError(
            "Reports and exports are written for others: expected a turn. Try again.", retry_s=60
        )
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "nas", *words],
            cwd=folder,
            env={**os.environ, "NAS_STORAGE": url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    finally:
        _AT_ONCE.release()
    if ended.returncode in {2, 3}:
        error = RefusedError(ended.stderr.strip().splitlines()[-1])
        error.status = HTTPStatus.CONFLICT
        raise error
    if ended.returncode:
        raise RuntimeError(f"nas {words[0]} ended with {ended.returncode}: {ended.stderr[-2000:]}")
