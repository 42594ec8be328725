"""Cache of decoded images in memory-mapped files that all workers of a search share.

One folder holds one decoded data set: an ``.npy`` file per array and ``splits.json``. It is written to a
temporary folder and renamed, so a reader sees all of it or nothing. A lock lets one worker decode at a time,
so that of several workers that start together one decodes and the others load its result.
"""

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from trials.images.splits import Images, Splits

PARTS: Final = ("train", "validation", "test")
VERSION: Final = 1
DRAFT: Final = ".decoding-"


def load(folder: Path) -> Splits | None:
    """Return the splits stored in `folder`, memory-mapped; None if there are none.

    The pixels are mapped copy-on-write: pages are shared, and torch may wrap them without a copy.
    """
    try:
        stored = json.loads((folder / "splits.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    parts = {name: _load_part(folder, name) for name in PARTS}
    return Splits(
        **parts,
        classes=tuple(stored["classes"]),
        mean=tuple(stored["mean"]),
        std=tuple(stored["std"]),
        fingerprint=stored["fingerprint"],
        unreadable=tuple(stored["unreadable"]),
        notes=tuple(stored.get("notes", ())),
    )


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
    }
    (folder / "splits.json").write_text(json.dumps(fields), encoding="utf-8")


@contextmanager
def exclusive(cache: Path) -> Iterator[None]:
    """Lock `cache` against other processes of this host, and delete what a killed one left behind."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel frees it when the process dies
        for left in cache.glob(f"{DRAFT}*"):
            shutil.rmtree(left)
        yield


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that is renamed to `folder` when the block ends without an error."""
    draft = folder.with_name(f"{DRAFT}{uuid.uuid4().hex[:8]}")
    draft.mkdir()  # open to those whom the umask lets in: colleagues may share a cache
    try:
        yield draft
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _load_part(folder: Path, name: str) -> Images:
    return Images(
        images=np.load(folder / f"{name}_images.npy", mmap_mode="c"),
        labels=np.load(folder / f"{name}_labels.npy"),
    )


def new_array(folder: Path, name: str, shape: tuple[int, ...]) -> np.memmap:
    """Return a new memory-mapped uint8 array in `folder`."""
    return np.lib.format.open_memmap(
        os.fspath(folder / f"{name}.npy"), mode="w+", dtype=np.uint8, shape=shape
    )
