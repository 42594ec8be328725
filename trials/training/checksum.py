"""Writes and reads the SHA-256 of a file in a ``.sha256`` file beside it, as ``sha256sum --check`` does."""

import hashlib
from pathlib import Path
from typing import Final

from trials.training.atomic_writing import write_atomically

CHECKSUM: Final = ".sha256"
"""Suffix that the name of a checksum file adds to that of its file."""


def write_checksum(path: Path) -> None:
    """Write the checksum of a file beside it, atomically."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_atomically(_checksum_path(path), f"{digest}  {path.name}\n".encode())


def read_checksum(path: Path) -> str | None:
    """Return the hexadecimal checksum stored beside a file; None if there is none."""
    try:
        return _checksum_path(path).read_text(encoding="utf-8").split()[0]
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _checksum_path(path: Path) -> Path:
    return path.with_name(path.name + CHECKSUM)
