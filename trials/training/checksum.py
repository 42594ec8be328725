"""The SHA-256 of a file, kept beside it as ``sha256sum --check`` reads it."""

import hashlib
from pathlib import Path
from typing import Final

from trials.training.checkpoint import write_whole

CHECKSUM: Final = ".sha256"
"""What follows the name of a file in that of its checksum."""


def keep_checksum(path: Path) -> None:
    """Write the checksum of a file beside it, whole."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    write_whole(_beside(path), f"{found}  {path.name}\n".encode())


def checksum_of(path: Path) -> str | None:
    """Return the hexadecimal checksum that was kept beside a file, None if there is none."""
    try:
        return _beside(path).read_text(encoding="utf-8").split()[0]
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _beside(path: Path) -> Path:
    return path.with_name(path.name + CHECKSUM)
