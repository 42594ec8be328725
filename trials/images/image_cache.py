"""Cache of decoded images in memory-mapped files that all workers of a search share.

One folder holds one decoded data set: an ``.npy`` file per array and ``splits.json``. It is written to a
temporary folder, synced to the disk and renamed, so a reader sees all of it or nothing; what cannot be read
all the same is decoded again. A lock lets one worker decode at a time, so that of several workers that start
together one decodes and the others load its result.

Images at the resolution of a network lie in a folder of their own beside it, see `sized`. Those are deleted
when they would take too much of the disk, used longest ago first, but not while a process reads them: it
locks their ``splits.json``.
"""

import errno
import fcntl
import io
import json
import logging
import os
import shutil
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from trials.images.folder_rules import CACHE_LOCK
from trials.images.splits import Images, Splits

_log = logging.getLogger(__name__)

PARTS: Final = ("train", "validation", "test")
VERSION: Final = 1
DRAFT: Final = ".decoding-"
MOST_OF_DISK: Final = 0.5
"""Largest share of a disk's room, free or taken by them, that images at the resolutions of networks take."""
_SIZED: Final = "[0-9a-f]*-[0-9]*"
_LOCK: Final = CACHE_LOCK
_CHEAP_BYTES: Final = 64 * 2**20  # decoded within seconds: nothing worth keeping for the next attempt
_filled_here: Final[set[Path]] = set()  # folders that this process decoded


def load(folder: Path) -> Splits | None:
    """Return the splits stored in `folder`, memory-mapped; None if there are none that can be read.

    The pixels are mapped copy-on-write: pages are shared, and torch may wrap them without a copy.
    """
    try:
        with (folder / "splits.json").open(encoding="utf-8") as file:
            with suppress(OSError):  # a disk without locks, where nothing is deleted either
                fcntl.flock(file, fcntl.LOCK_SH)
            found = _stored(folder, json.load(file))
            for name in PARTS:
                _stay_locked(getattr(found, name), os.dup(file.fileno()))
    except (FileNotFoundError, EOFError, ValueError, KeyError, TypeError):  # there is none, or it is damaged
        return None
    with suppress(OSError):  # of a colleague who may only read
        os.utime(folder / "splits.json")
    return found


def filled(cache: Path, folder: Path, fill: Callable[[], None]) -> Splits:
    """Return the splits stored in `folder`, a folder of `cache`, after calling `fill` if there are none."""
    found = load(folder)
    if found is None:
        with exclusive(cache):
            found = load(folder)
            if found is None:
                if folder.exists():
                    _log.warning("Decoding the images again: those kept in '%s' are damaged", folder)
                    _discard(folder)
                fill()
                _filled_here.add(folder)
                found = load(folder)
    assert found is not None
    return found


def sized(folder: Path, resolution: int) -> Path:
    """Return the folder beside `folder` for its images at the resolution of a network, in pixels."""
    return folder.with_name(f"{folder.name}-{resolution}")


def make_room(cache: Path, needed_bytes: int) -> None:
    """Delete images at resolutions used longest ago, until all of them stay below `MOST_OF_DISK`.

    Args:
        cache: The cache, locked by `exclusive`.
        needed_bytes: Bytes that are going to be written.
    """
    sizes = {folder: _bytes_in(folder) for folder in cache.glob(_SIZED)}
    taken = sum(sizes.values())
    most = MOST_OF_DISK * (shutil.disk_usage(cache).free + taken)
    for folder in sorted(sizes, key=_last_used):
        if taken + needed_bytes <= most:
            return
        if _deleted(folder):
            taken -= sizes[folder]


def store(folder: Path, splits: Splits) -> None:
    """Write the splits to `folder`, except for arrays that are there already."""
    for name in PARTS:
        part: Images = getattr(splits, name)
        np.save(folder / f"{name}_labels.npy", part.labels)
        if not (folder / f"{name}_images.npy").exists():
            np.save(folder / f"{name}_images.npy", part.images)
    fields = {
        "version": VERSION,
        "classes": splits.classes,
        "mean": splits.mean,
        "std": splits.std,
        "fingerprint": splits.fingerprint,
        "unreadable": splits.unreadable,
        "notes": splits.notes,
        "decoding_s": splits.decoding_s,
    }
    (folder / "splits.json").write_text(json.dumps(fields), encoding="utf-8")


@contextmanager
def exclusive(cache: Path) -> Iterator[None]:
    """Lock `cache` against other processes of this host, and delete what a killed one left behind."""
    with _locked(cache):
        for left in cache.glob(f"{DRAFT}*"):
            shutil.rmtree(left)
        yield


@contextmanager
def emptied_on_error(cache: Path | None) -> Iterator[None]:
    """Remove what the block decodes into a cache, and folders that it makes for it, if it raises an error.

    So a command that turns out to be impossible leaves nothing. What takes more than 64 MB is kept for the
    next attempt, as is what other processes add. `cache` holds decoded data sets; None for none.
    """
    made = [] if cache is None else [path for path in (cache, *cache.parents) if not path.exists()]
    before = _entries(cache)
    try:
        yield
    except Exception:
        if cache is not None and cache.is_dir():
            with suppress(OSError):  # the error that is raised says more
                _remove(cache, (_entries(cache) - before) & _filled_here, made)
        raise


def _entries(cache: Path | None) -> set[Path]:
    return set() if cache is None or not cache.is_dir() else {p for p in cache.iterdir() if p.name != _LOCK}


def _remove(cache: Path, added: set[Path], made: list[Path]) -> None:
    with _locked(cache):
        for folder in added:
            if sum(path.stat().st_size for path in folder.iterdir()) <= _CHEAP_BYTES:
                shutil.rmtree(folder)
        if cache in made and not _entries(cache):
            (cache / _LOCK).unlink()
    for folder in made:
        if any(folder.iterdir()):
            return
        folder.rmdir()


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Lock a cache, which is created if it is missing."""
    while True:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / _LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel frees it when the process dies
            if _is_at(cache / _LOCK, lock):  # else it was removed while this process waited for it
                yield
                return


def _is_at(path: Path, file: io.TextIOWrapper) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that is synced and renamed to `folder` when the block ends without an error."""
    draft = folder.with_name(f"{DRAFT}{uuid.uuid4().hex[:8]}")
    draft.mkdir()  # open to those whom the umask lets in: colleagues may share a cache
    try:
        yield draft
        for path in draft.iterdir():  # else a power cut may leave a folder of the right name without content
            with path.open("r+b") as file:
                os.fsync(file.fileno())
        _sync_folder(draft)
        draft.rename(folder)
        _sync_folder(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # of a disk that syncs files only
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _stored(folder: Path, fields: dict[str, Any]) -> Splits:
    """Return the splits in a folder; raises the errors that `load` catches if they are not all there."""
    found = Splits(
        **{name: _load_part(folder, name) for name in PARTS},
        classes=tuple(fields["classes"]),
        mean=tuple(fields["mean"]),
        std=tuple(fields["std"]),
        fingerprint=fields["fingerprint"],
        unreadable=tuple(fields["unreadable"]),
        notes=tuple(fields.get("notes", ())),
        decoding_s=fields.get("decoding_s", 0.0),
    )
    for part in (found.train, found.validation, found.test):
        shape = (len(part.labels), *found.size, found.channels)
        if part.images.shape != shape or part.images.dtype != np.uint8 or len(found.std) != found.channels:
            raise ValueError(f"{part.images.dtype} images of shape {part.images.shape}, expected {shape}")
    return found


def _load_part(folder: Path, name: str) -> Images:
    return Images(
        images=np.load(folder / f"{name}_images.npy", mmap_mode="c"),
        labels=np.load(folder / f"{name}_labels.npy"),
    )


def _stay_locked(part: Images, lock: int) -> None:
    """Close a file, and so give its lock up, when the pixels are mapped no more."""
    mapping = part.images.base
    if mapping is None:  # of no bytes
        os.close(lock)
    else:
        weakref.finalize(mapping, os.close, lock)


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _last_used(folder: Path) -> float:
    try:
        return (folder / "splits.json").stat().st_mtime
    except FileNotFoundError:  # it is damaged
        return 0.0


def _discard(folder: Path) -> None:
    """Delete a folder at once: a reader finds all of it or nothing."""
    draft = folder.with_name(f"{DRAFT}{uuid.uuid4().hex[:8]}")
    folder.rename(draft)
    shutil.rmtree(draft)


def _deleted(folder: Path) -> bool:
    """Delete a folder of images unless a process reads it; returns whether it is gone."""
    try:
        with (folder / "splits.json").open("r+") as file:  # to be written, or some disks grant no lock
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _discard(folder)
    except OSError:  # it is read, or belongs to another user
        return False
    return True


def new_array(folder: Path, name: str, shape: tuple[int, ...]) -> np.memmap:
    """Return a new memory-mapped uint8 array in `folder`.

    Its room is taken at once: a disk that is found full when a mapped page is written ends the process.

    Raises:
        OSError: if there is no room for it.
    """
    path = folder / f"{name}.npy"
    array = np.lib.format.open_memmap(os.fspath(path), mode="w+", dtype=np.uint8, shape=shape)
    with path.open("r+b") as file:
        _take_room(file.fileno(), path.stat().st_size)
    return array


def _take_room(descriptor: int, size: int) -> None:
    """Reserve the bytes of a file where its file system can."""
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
            raise
