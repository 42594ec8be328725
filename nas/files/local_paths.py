"""Paths on this machine for studies whose files are behind a URL: logs, locks and decoded images."""

import os
import tempfile
from pathlib import Path
from typing import Final

from nas.files.urls import is_url
from nas.storage.own_folder import own_folder
from nas.study.naming import IMAGES
from search_spaces.errors import FilesError
from search_spaces.paths import expanded

_RUNS: Final = "nas-runs"


def local_folder(study: str, storage: str) -> Path:
    """Return the folder for a study's log, lock and Ray files on this machine.

    With SQLite it is beside the database file, so that all drivers of the study use the same lock; otherwise
    it is in the working folder.

    Args:
        study: Name of the study.
        storage: URL of the database.
    """
    return ((own_folder(storage) or Path()) / _RUNS / study).resolve()


def image_cache(folder: str) -> Path:
    """Return the folder for decoded images on this machine.

    Args:
        folder: Folder of a study's files. For a path the images are beside it, for a URL in the user's cache.
    """
    if not is_url(folder):
        return Path(folder).parent / IMAGES
    caches = os.environ.get("XDG_CACHE_HOME")
    return (_own_cache() if not caches else expanded(caches) / "nas") / IMAGES


def _own_cache() -> Path:
    """Return a folder in the home folder, or a private one in the temporary folder for users without a home.

    Raises:
        FilesError: if the latter belongs to somebody else, who could put other images into it.
    """
    try:
        home = Path.home()
    except RuntimeError:  # the number of a user without a name
        home = Path("/")
    if os.access(home, os.W_OK):
        return home / ".cache" / "nas"
    folder = Path(tempfile.gettempdir()) / f"nas-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise FilesError(
            f"Cannot keep decoded images in '{folder}': another user owns it. Expected a folder of your own: "
            f"name one in XDG_CACHE_HOME."
        )
    return folder
