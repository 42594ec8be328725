"""Writes and reads training checkpoints: atomic, checksummed, safe to load.

The file is an 8-byte magic number with the format's version, the SHA-256 of the rest, and the output of
``torch.save``. It is read with ``weights_only=True``, so an untrusted file cannot run code.
"""

import hashlib
import os
import uuid
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import torch

from trials.training.errors import DamagedCheckpointError

MAGIC: Final = b"nas-ckp\x01"
_DIGEST: Final = 32


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state`, tensors and plain values, atomically: a reader sees the old file or the new one."""
    buffer = BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    write_atomically(path, MAGIC, hashlib.sha256(content).digest(), content)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Return the state written at `path`, its tensors on `device`.

    Raises:
        FileNotFoundError: if there is no file.
        DamagedCheckpointError: if it is damaged or has another version.
    """
    content = check_checkpoint(path)
    try:
        state = torch.load(BytesIO(content), map_location=device, weights_only=True)
    except Exception as error:  # the checksum matches but it is no checkpoint; torch raises many types
        raise DamagedCheckpointError(
            f"Cannot read the checkpoint '{path}': {error}. Remove it to restart."
        ) from error
    if not isinstance(state, dict):
        raise DamagedCheckpointError(
            f"Cannot read the checkpoint '{path}': it holds no state. Remove it to restart."
        )
    return state


def check_checkpoint(path: Path) -> bytes:
    """Return the content of a checkpoint after checking its version and checksum, without parsing it.

    Raises:
        FileNotFoundError: if there is no file.
        DamagedCheckpointError: if it is damaged or has another version.
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
