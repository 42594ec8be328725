"""Writes a file atomically: a reader sees the old content or the new one, never a part."""

import os
import uuid
from pathlib import Path
from typing import Any


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
