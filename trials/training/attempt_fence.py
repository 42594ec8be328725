"""Keeps an earlier attempt at a training from writing over the files of a later one.

A machine that is cut off from the driver may train on and still reach the storage, while another machine
goes on with the same trial. Each attempt therefore has a name, which whoever starts it writes into the
trial's folder, and writes nothing once another name stands there. What is left is the instant between
that look and the renaming of a finished file: an attempt frozen right then puts a file in place that is
whole and of the same training, only older.
"""

import uuid
from pathlib import Path
from typing import Final

from trials.training.checkpoint import write_whole
from trials.training.errors import SupersededError

ATTEMPT: Final = "attempt"


def begin_attempt(folder: Path) -> str:
    """Return the name of a new attempt; all earlier ones may write no more into the trial's folder."""
    name = uuid.uuid4().hex
    write_whole(folder / ATTEMPT, name.encode())
    return name


def check_attempt(folder: Path, name: str | None) -> None:
    """Return if an attempt is the latest one, or if trainings in this folder have no attempts.

    Args:
        folder: Of the trial.
        name: What `begin_attempt` returned; None where nobody else can train this.

    Raises:
        SupersededError: if it is not.
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
            f"{latest or 'none'}. This one stops."
        )
