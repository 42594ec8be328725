"""Files that commands write for a job: its report and its export, each in a process of its own."""

import zipfile
from pathlib import Path
from typing import Final

from nas.service.command_options import CommandOptions
from nas.service.command_process import refused, run_process
from nas.service.command_run import Desk
from nas.service.job import Job

FORMATS: Final = {"html": "text/html", "md": "text/markdown", "csv": "text/csv"}


def write_report(desk: Desk, caller: str, job: Job, kind: str, folder: Path) -> Path:
    """Write the report of a search as ``nas report`` does, and return the file.

    Args:
        desk: Where commands of the job's user run.
        caller: User who asks.
        job: The job of the search.
        kind: One of `FORMATS`.
        folder: Folder to write to.
    """
    file = folder / f"{job.name}.{kind}"
    _run(desk, caller, folder, "report", f"--to={file.name}", "--", job.name)
    return file


def write_export(desk: Desk, caller: str, job: Job, trial: int | None, folder: Path) -> Path:
    """Write a network of a search as ``nas export`` does, and return it as a zip archive.

    Args:
        desk: Where commands of the job's user run.
        caller: User who asks.
        job: The job of the search.
        trial: Number of the network; None for the best that fits.
        folder: Folder to write to.
    """
    network = job.name if trial is None else f"{job.name}#{trial}"
    made = folder / "network"
    _run(desk, caller, folder, "export", f"--to={made.name}", "--", network)
    archive = folder / f"{job.name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(path for path in made.rglob("*") if path.is_file()):
            packed.write(file, file.relative_to(folder))
    return archive


def _run(desk: Desk, caller: str, folder: Path, *words: str) -> None:
    """Run a command in a folder.

    Raises:
        RefusedError: with the line of the command, if it says that the input cannot be used.
        TooManyError: if too many run already.
    """
    environment = desk.environment(CommandOptions())
    ended = run_process("nas", words, folder=folder, environment=environment, caller=caller)
    if ended.returncode in {2, 3}:
        raise refused(desk.hidden(ended.stderr, folder), ended.returncode)
    if ended.returncode:
        raise RuntimeError(f"nas {words[0]} ended with {ended.returncode}: {ended.stderr[-2000:]}")
