"""Decoded splits in memory-mapped files that every worker of a search shares.

One folder holds one decoded data set: an ``.npy`` file per array and ``splits.json``. It is written
beside its place and renamed, so a reader sees all of it or nothing. Workers decode in turn, so that of
several that come at once one decodes and the others find its work.
"""

import fcntl
import json
import os
import shutil
import tempfile
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
    """Return the splits stored in `folder`, memory-mapped, or None if there are none.

    The pixels are mapped copy-on-write: pages are shared, and torch may wrap them without a copy.
    """
    try:
        told = json.loads((folder / "splits.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    parts = {name: _load_part(folder, name) for name in PARTS}
    return Splits(
        **parts,
        classes=tuple(told["classes"]),
        mean=tuple(told["mean"]),
        std=tuple(told["std"]),
        fingerprint=told["fingerprint"],
        unreadable=tuple(told["unreadable"]),
    )


def store(folder: Path, splits: Splits) -> None:
    """Write what `load` needs, beside the arrays that are already in `folder`."""
    for name in PARTS:
        part: Images = getattr(splits, name)
        np.save(folder / f"{name}_labels.npy", part.labels)
        if not (folder / f"{name}_images.npy").exists():
            np.save(folder / f"{name}_images.npy", part.images)
    told = {
        "version": VERSION,
        "classes": splits.classes,
        "mean": splits.mean,
        "std": splits.std,
        "fingerprint": splits.fingerprint,
        "unreadable": splits.unreadable,
    }
    (folder / "splits.json").write_text(json.dumps(told), encoding="utf-8")


@contextmanager
def turn(cache: Path) -> Iterator[None]:
    """Wait until no other process of this host decodes into `cache`, and sweep what a killed one left."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel frees it when the process dies
        for left in cache.glob(f"{DRAFT}*"):
            shutil.rmtree(left)
        yield


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` when the block ends without an error."""
    draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=folder.parent))
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


def room(folder: Path, name: str, shape: tuple[int, ...]) -> np.memmap:
    """Return a new memory-mapped uint8 array in `folder`."""
    return np.lib.format.open_memmap(
        os.fspath(folder / f"{name}.npy"), mode="w+", dtype=np.uint8, shape=shape
    )
