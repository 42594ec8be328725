"""A training's state in one file that is whole or absent.

The file is an 8-byte magic with the format's version, the SHA-256 of the rest, and what
``torch.save`` writes. It is read with ``weights_only=True``, so a foreign file cannot run code.
"""

import hashlib
import os
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import torch

from trials.training.errors import DamagedCheckpointError

MAGIC: Final = b"nas-ckp\x01"
_DIGEST: Final = 32


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state`, tensors and plain values, so that a reader sees the old file or the new one."""
    buffer = BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    write_whole(path, MAGIC, hashlib.sha256(content).digest(), content)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Return the state written at `path`, its tensors on `device`.

    Raises:
        FileNotFoundError: if there is none.
        DamagedCheckpointError: if it is damaged or of another version.
    """
    content = check_checkpoint(path)
    try:
        state = torch.load(BytesIO(content), map_location=device, weights_only=True)
    except Exception as error:  # what was sealed is no checkpoint; torch says so in many ways
        raise DamagedCheckpointError(f"Cannot read the checkpoint '{path}': {error}") from error
    if not isinstance(state, dict):
        raise DamagedCheckpointError(f"Cannot read the checkpoint '{path}': it holds no state.")
    return state


def check_checkpoint(path: Path) -> bytes:
    """Return what a checkpoint holds, which is whole and of this version but was not looked into.

    Raises:
        FileNotFoundError: if there is none.
        DamagedCheckpointError: if it is damaged or of another version.
    """
    content = path.read_bytes()
    start = len(MAGIC) + _DIGEST
    if content[: len(MAGIC)] != MAGIC:
        raise DamagedCheckpointError(
            f"Cannot read the checkpoint '{path}': not one of this version. Remove it to restart."
        )
    if hashlib.sha256(content[start:]).digest() != content[len(MAGIC) : start]:
        raise DamagedCheckpointError(f"The checkpoint '{path}' is damaged. Remove it to restart.")
    return content[start:]


def write_whole(path: Path, *pieces: Any) -> None:
    """Write bytes-like `pieces` beside `path`, to the disk, and rename them into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
