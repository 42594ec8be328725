"""Writes a file atomically: a reader sees the old content or the new one, never a part."""

import os
import re
import uuid
from pathlib import Path
from typing import Any, Final

_DRAFT: Final = re.compile(r"\..+-[0-9a-f]{8}")


def write_atomically(path: Path, *pieces: Any) -> None:
    """Write bytes-like `pieces` to a temporary file beside `path`, sync it to disk and rename it.

    Others may read it if the umask lets them read what this process writes; `tempfile` would lock them out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        with draft.open("xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def is_draft(name: str) -> bool:
    """Return whether a name, perhaps with folders, is of a file that `write_atomically` is to rename."""
    return _DRAFT.fullmatch(name.rpartition("/")[2]) is not None


def delete_drafts(folder: Path) -> None:
    """Delete the temporary files that killed processes left in `folder` while they wrote.

    A process that still writes one fails when it renames it.
    """
    for path in folder.iterdir():
        if is_draft(path.name):
            path.unlink(missing_ok=True)
