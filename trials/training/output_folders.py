"""How long outputs of teachers are kept on a machine: which studies use them, and how much room they take.

Free of torch, so that commands which only list or delete studies stay instant.
"""

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

FOLDER: Final = "teacher_outputs"
"""Folder of all outputs, beside the decoded images of a machine."""
MOST_BYTES: Final = 8 * 2**30
"""Most bytes that all outputs of a machine take."""
MOST_OF_DISK: Final = 0.1
"""Largest share of a disk's room, free or taken by them, that they take."""
ABOUT: Final = "about.json"
"""File in a folder of outputs that says what they depend on; its time is that of the last use."""
USED_BY: Final = "used-by-"
"""Begin of the names of files that say which studies use outputs."""
_ENTRY: Final = re.compile(r"[0-9a-f]{24}")


def forget(root: Path, owner: str) -> None:
    """Delete the outputs that a study used and no other study does.

    Args:
        root: Folder of all outputs of this machine.
        owner: Identity of the study.
    """
    for folder in _entries(root):
        mark = folder / f"{USED_BY}{owner}"
        if mark.exists():
            mark.unlink()
            if not any(folder.glob(f"{USED_BY}*")):
                shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # others are still in it
        root.rmdir()


def has_room(folder: Path, needed: int) -> bool:
    """Return whether so many bytes may be written, after deleting what was used longest ago if need be."""
    root = folder.parent
    sizes = {entry: _bytes_in(entry) for entry in _entries(root)}
    taken = sum(sizes.values())
    there = next(path for path in (root, *root.parents) if path.exists())
    most = min(MOST_BYTES, MOST_OF_DISK * (shutil.disk_usage(there).free + taken))
    others = [entry for entry in sizes if entry != folder]
    for entry in sorted(others, key=_last_used):
        if taken + needed <= most:
            break
        shutil.rmtree(entry, ignore_errors=True)
        taken -= sizes[entry]
    return taken + needed <= most


def _entries(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return [path for path in root.iterdir() if _ENTRY.fullmatch(path.name) and path.is_dir()]


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # written or deleted meanwhile
            total += path.stat().st_size
    return total


def _last_used(folder: Path) -> float:
    try:
        return (folder / ABOUT).stat().st_mtime
    except FileNotFoundError:
        return 0.0
