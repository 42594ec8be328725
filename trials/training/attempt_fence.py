"""Stops a superseded attempt at a trial from overwriting the files of a later one (fencing token).

A machine that lost contact with the driver may still train and reach the storage, while another machine
continues the same trial. Each attempt therefore has a random name, stored in the trial's folder when it
begins, and an attempt writes nothing once the folder holds another name. Files that earlier attempts were
still writing are deleted then, so that a killed process leaves none behind. What remains is the instant
between that check and the beginning of a file: an attempt suspended right then puts in place a complete file
of the same training, only older.
"""

import uuid
from pathlib import Path
from typing import Final

from trials.training.atomic_writing import delete_drafts, write_atomically
from trials.training.errors import SupersededError

ATTEMPT: Final = "attempt"


def begin_attempt(folder: Path) -> str:
    """Store and return the name of a new attempt; earlier ones may no longer write to the trial's folder.

    What they had not finished writing is deleted.
    """
    name = uuid.uuid4().hex
    write_atomically(folder / ATTEMPT, name.encode())
    delete_drafts(folder)
    return name


def check_attempt(folder: Path, name: str | None) -> None:
    """Raise if a later attempt at the trial has begun.

    Args:
        folder: Folder of the trial.
        name: Name returned by `begin_attempt`; None if no other process can run this trial.

    Raises:
        SupersededError: if the folder holds the name of another attempt.
    """
    if name is None:
        return
    try:
        latest = (folder / ATTEMPT).read_text(encoding="ascii")
    except FileNotFoundError:
        latest = ""
    if latest != name:
        raise SupersededError(
            f"The training in '{folder}' was begun again elsewhere: expected the attempt {name}, found "
            f"{latest or 'none'}. This attempt stops."
        )
