"""Runs the command of a job in this process, as ``python -m nas`` would, and returns what it printed.

It runs in a folder of the job, where a later attempt goes on, and sees the studies of the job's user alone.
"""

import json
import os
import runpy
import sys
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nas.service.command_options import QUEUED
from nas.service.command_run import Desk, copy_targets
from nas.service.command_words import words_of
from nas.service.job import Job
from nas.service.user_files import comparisons_of
from nas.storage.database import NO_ANSWER
from search_spaces.errors import StorageError

_INTERRUPTED: Final = 130
_REFUSED: Final = 2
_TAIL_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        status: Its exit status.
        error: Its line, if it could not do what was asked.
        result: What it printed: ``output``, and the same as data in ``result`` if it is JSON.
    """

    status: int
    error: str | None
    result: dict[str, Any]


def run_job_command(job: Job, url: str, storage_path: Path, data: str, address: str | None = None) -> Ended:
    """Run the command of a job to its end.

    Args:
        job: The job.
        url: URL of the database.
        storage_path: Folder for checkpoints, weights and logs.
        data: Images in the place of the name of a data set.
        address: Address of the Ray cluster that trains; None for this machine.

    Raises:
        StorageError: if the command ended because the database was away.
    """
    desk = Desk(url=url, user=job.user, storage_path=storage_path)
    options = QUEUED[job.kind][1](**job.options)
    folder = (storage_path / "service" / job.id).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    words = words_of(job.kind, options, folder, data)
    if job.kind == "compare":
        words[1:1] = [f"--storage-path={comparisons_of(storage_path, job.user)}"]
        words[1:1] = [] if address is None else [f"--address={address}"]
    printed = folder / "output.txt"
    before = Path.cwd()
    os.environ.clear()
    os.environ.update(desk.environment(options))
    copy_targets(folder)
    os.chdir(folder)
    try:
        with printed.open("w", encoding="utf-8") as output, redirect_stdout(output):
            status = _run(words)
    finally:
        os.chdir(before)
    line = _last_line(storage_path / "service" / f"{job.id}.log")
    if status == _REFUSED and NO_ANSWER in line:
        raise StorageError(line)
    output_text = desk.hidden(printed.read_text(encoding="utf-8"), folder)
    error = None if status in {0, _INTERRUPTED} else desk.hidden(line, folder)
    return Ended(status, error, _result(output_text))


def _run(words: list[str]) -> int:
    sys.argv = ["nas", *words]
    try:
        runpy.run_module("nas", run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    return 0


def _result(output: str) -> dict[str, Any]:
    result: dict[str, Any] = {"output": output}
    with suppress(ValueError):
        result["result"] = json.loads(output)
    return result


def _last_line(log: Path) -> str:
    with log.open("rb") as opened:
        opened.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = opened.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""
