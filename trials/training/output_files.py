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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from trials.training.checkpoint_file import check_checkpoint, write_checkpoint
from trials.training.errors import DamagedCheckpointError
from trials.training.output_folders import ABOUT, MOST_BYTES, MOST_OF_DISK, USED_BY, has_room
from trials.training.sparse_outputs import SparseOutputs, bytes_for

_VERSION: Final = 1
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
            if not has_room(self.folder, len(content)):
                self._stop_storing(f"{MOST_BYTES / 2**30:.0f} GiB or {MOST_OF_DISK:.0%} of the disk are full")
                return
            self._make_folder()
            write_checkpoint(self.folder / name, memoryview(content))
        except OSError as error:
            self._stop_storing(error)

    def _lock(self, name: str) -> Path:
        return self.folder / f".{name}.lock"

    def _make_folder(self) -> None:
        about = self.folder / ABOUT
        if not about.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            about.write_text(self._text, encoding="utf-8")
        self._note_use()

    def _note_use(self) -> None:
        """Note once that this study uses the outputs, if there are any yet."""
        if self._noted:
            return
        with suppress(OSError):  # none yet, or those of a colleague who may only read
            os.utime(self.folder / ABOUT)
            self._noted = True
            if self._owner is not None:
                (self.folder / f"{USED_BY}{self._owner}").touch()

    def _stop_storing(self, reason: object) -> None:
        if self._stores:
            _log.warning("Outputs of the teacher are not kept in '%s' any more: %s", self.folder, reason)
        self._stores = False


def forecast_bytes(images: int, classes: int, epochs: int) -> int:
    """Return the bytes of the outputs for a number of images in each of some epochs."""
    return epochs * bytes_for(images, classes)
