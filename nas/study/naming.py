"""Checks the names of studies, and names the folders of their trials and retrainings.

A name is also a folder name, and differs from ``STUDY#12``, which names a network.
"""

import hashlib
import json
import re
from typing import Final

from search_spaces.errors import StudyError

IMAGES: Final = "images"
"""Folder of decoded images, beside the folders of the studies."""
NODE_TOKEN: Final = "seen-by-all-nodes"
"""File in a study's folder by which the nodes of a cluster show that they see it."""
MOST_CHARACTERS: Final = 120
_STUDY_NAME: Final = re.compile(rf"[^\W_][\w .+=@-]{{0,{MOST_CHARACTERS - 1}}}")


def checked_name(name: str) -> str:
    """Return a study name that can be used.

    Raises:
        StudyError: if it cannot.
    """
    if not _STUDY_NAME.fullmatch(name) or len(name.encode()) > 200 or name == IMAGES:
        raise StudyError(
            f"Cannot call a study '{name[:80]}': expected up to 120 letters, digits, spaces and any of "
            f". _ + = @ -, other than 'images', beginning with a letter or digit. Choose one with --study."
        )
    return name


def shortened(name: str) -> str:
    """Return a name that is short enough; names that begin alike still differ."""
    if len(name) <= MOST_CHARACTERS:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: MOST_CHARACTERS - 9].rstrip('-.')}-{digest}"


def trial_folder(number: int) -> str:
    """Return the folder of a trial among the files of its study."""
    return f"trials/{number:05d}"


def retraining_folder(number: int, recipe: str, settings: object) -> str:
    """Return the folder of a retraining among the files of its study.

    Args:
        number: Number of the trial whose network is retrained.
        recipe: Name of the recipe.
        settings: What tells this retraining from others, as JSON takes it.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9.]+", "-", recipe)[:40]
    return f"retrained/{number:05d}/{name}-{digest}"
