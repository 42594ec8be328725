"""Files with outputs of a teacher, which all trainings that show it the same images share.

A folder holds what one teacher says of one set of images, changed in one way; a file in it holds the outputs
for some of them, checksummed and written atomically. A lock on a file lets one process compute it while
others compute other files. What is damaged or missing is computed again.
"""

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from trials.training.checkpoint_file import check_checkpoint, write_checkpoint
from trials.training.errors import DamagedCheckpointError
from trials.training.sparse_outputs import SparseOutputs, bytes_for

FOLDER: Final = "teacher_outputs"
"""Folder of all outputs, beside the decoded images of a machine."""
MOST_BYTES: Final = 8 * 2**30
"""Most bytes that all outputs of a machine take."""
MOST_OF_DISK: Final = 0.1
"""Largest share of a disk's room, free or taken by them, that they take."""
_VERSION: Final = 1
_ABOUT: Final = "about.json"
_USED_BY: Final = "used-by-"
_ENTRY: Final = re.compile(r"[0-9a-f]{24}")
_log = logging.getLogger(__name__)


class OutputFiles:
    """The outputs of one teacher for one set of images.

    Args:
        root: Folder of all outputs of this machine.
        about: What the outputs depend on, as JSON has it: equal outputs have equal values.
        owner: Identity of the study that uses them, until it is deleted; None for no study.
    """

    def __init__(self, root: Path, about: Mapping[str, Any], owner: str | None = None) -> None:
        text = json.dumps({"version": _VERSION, **about}, sort_keys=True)
        self.folder: Final = root / hashlib.sha256(text.encode()).hexdigest()[:24]
        self._text, self._owner = text, owner
        self._stores, self._noted = True, False

    def read(self, name: str, *, images: int, classes: int) -> SparseOutputs | None:
        """Return the outputs in a file; None if there is none, or a damaged one, which is removed.

        Args:
            name: Name of the file.
            images: Number of images that it is for.
            classes: Number of classes.
        """
        path = self.folder / name
        self._note_use()
        try:
            return SparseOutputs.from_bytes(check_checkpoint(path), images=images, classes=classes)
        except FileNotFoundError:
            return None
        except (DamagedCheckpointError, ValueError) as error:
            _log.warning("The outputs of a teacher in '%s' are damaged, and computed again (%s)", path, error)
            with suppress(OSError):
                path.unlink()
        except OSError as error:
            self._stop_storing(error)
        return None

    def is_free(self, name: str) -> bool:
        """Return whether no other process computes a file at the moment."""
        try:
            with self._lock(name).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # nobody has begun, or a disk without locks
            return True
        return True

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Yield whether this process is the one that computes a file; the claim ends with the block."""
        lock = self._lock(name)
        try:
            self._make_folder()
            file = lock.open("a")
        except OSError as error:
            self._stop_storing(error)
            yield True
            return
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel frees it when the process dies
            except BlockingIOError:
                yield False
                return
            except OSError:  # a disk without locks: both compute it
                yield True
                return
            yield True
            with suppress(OSError):  # while it is held: whoever opened it before finds the outputs now
                lock.unlink()

    def write(self, name: str, outputs: SparseOutputs) -> None:
        """Write a file, unless there is no room for it; the training goes on without it."""
        if not self._stores:
            return
        content = outputs.to_bytes()
        try:
            if not _has_room(self.folder, len(content)):
                self._stop_storing(f"{MOST_BYTES / 2**30:.0f} GiB or {MOST_OF_DISK:.0%} of the disk are full")
                return
            self._make_folder()
            write_checkpoint(self.folder / name, memoryview(content))
        except OSError as error:
            self._stop_storing(error)

    def _lock(self, name: str) -> Path:
        return self.folder / f".{name}.lock"

    def _make_folder(self) -> None:
        about = self.folder / _ABOUT
        if not about.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            about.write_text(self._text, encoding="utf-8")
        self._note_use()

    def _note_use(self) -> None:
        """Note once that this study uses the outputs, if there are any yet."""
        if self._noted:
            return
        with suppress(OSError):  # none yet, or those of a colleague who may only read
            os.utime(self.folder / _ABOUT)
            self._noted = True
            if self._owner is not None:
                (self.folder / f"{_USED_BY}{self._owner}").touch()

    def _stop_storing(self, reason: object) -> None:
        if self._stores:
            _log.warning("Outputs of the teacher are not kept in '%s' any more: %s", self.folder, reason)
        self._stores = False


def forget(root: Path, owner: str) -> None:
    """Delete the outputs that a study used and no other study does.

    Args:
        root: Folder of all outputs of this machine.
        owner: Identity of the study.
    """
    for folder in _entries(root):
        mark = folder / f"{_USED_BY}{owner}"
        if mark.exists():
            mark.unlink()
            if not any(folder.glob(f"{_USED_BY}*")):
                shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # others are still in it
        root.rmdir()


def forecast_bytes(images: int, classes: int, epochs: int) -> int:
    """Return the bytes of the outputs for a number of images in each of some epochs."""
    return epochs * bytes_for(images, classes)


def _has_room(folder: Path, needed: int) -> bool:
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
        return (folder / _ABOUT).stat().st_mtime
    except FileNotFoundError:
        return 0.0
