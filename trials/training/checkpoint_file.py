"""Writes and checks the file of a checkpoint, whatever it holds: needs no torch.

The file is an 8-byte magic number with the format's version, the SHA-256 of the rest, and the content.
"""

import hashlib
from pathlib import Path
from typing import Final

from trials.training.atomic_writing import write_atomically
from trials.training.errors import DamagedCheckpointError

MAGIC: Final = b"nas-ckp\x01"
_DIGEST: Final = 32


def write_checkpoint(path: Path, content: memoryview) -> None:
    """Write a checkpoint with its version and checksum atomically."""
    write_atomically(path, MAGIC, hashlib.sha256(content).digest(), content)


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
