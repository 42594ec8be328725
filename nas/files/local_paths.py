"""Where this machine keeps what it alone needs of studies whose files lie behind a URL."""

import os
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from nas.files.urls import is_url
from nas.study.naming import IMAGES
from search_spaces.paths import expanded

_RUNS: Final = "nas-runs"


def own_folder(study: str, storage: str) -> Path:
    """Return the folder of a study's log, its lock and Ray's files on this machine.

    It lies beside an SQLite file, so that all who search one there meet at the same lock; else in the
    working folder.

    Args:
        study: Its name.
        storage: URL of its database.
    """
    url = make_url(storage)
    beside = Path(url.database or "").parent if url.get_backend_name() == "sqlite" else Path()
    return (beside / _RUNS / study).resolve()


def image_cache(folder: str) -> Path:
    """Return where this machine keeps decoded images.

    Args:
        folder: Of a study's files, a path or a URL: beside it, or among this user's caches.
    """
    if not is_url(folder):
        return Path(folder).parent / IMAGES
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return expanded(caches) / "nas" / IMAGES
