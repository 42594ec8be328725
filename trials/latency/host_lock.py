"""The lock of this host (`trials.device_lock`), checked before anything is measured or trained."""

import contextlib
from pathlib import Path

from search_spaces.errors import FilesError
from trials import device_lock


def host_lock() -> Path:
    """Return the path of the lock file that all processes of this host share.

    Raises:
        FilesError: if this user cannot make it, or not read the one that another user has made.
    """
    path = device_lock.host_lock_path()
    try:
        device_lock.check(path)
    except OSError as error:
        file = Path(str(error.filename or path))
        mend = "Make its folder writable."
        with contextlib.suppress(OSError):
            mend = f"Let user {file.stat().st_uid} run: chmod 644 '{file}'"
        raise FilesError(
            f"Cannot use '{file}', which keeps measurements and trainings of this host apart: "
            f"{error.strerror or error}. Expected a file that every user of the host can read. {mend}"
        ) from error
    return path
