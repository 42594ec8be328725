"""Checks the names of studies, and names the folders of their trials.

A name is also a folder name, and differs from ``STUDY#12``, which names a network.
"""

import re
from typing import Final

from search_spaces.errors import StudyError

IMAGES: Final = "images"
"""Folder of decoded images, beside the folders of the studies."""
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


def trial_folder(number: int) -> str:
    """Return the folder of a trial among the files of its study."""
    return f"trials/{number:05d}"
