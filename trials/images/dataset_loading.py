"""Loads a data set: decodes, splits, fingerprints, computes channel mean and std; once for all workers.

Networks see images that were resized once, from the files to the network's resolution. A data set is
therefore decoded once at a size that suits all images, which its fingerprint, mean and std rest on, and
once more for each resolution that is used.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Int64, UInt8

from search_spaces.errors import DataError
from search_spaces.units import counted
from trials.images import image_cache
from trials.images.cached_before import is_read_as_before
from trials.images.channel_statistics import CHUNK, channel_statistics
from trials.images.decoding import Allocate, Decoded, decode, named
from trials.images.image_table import Table
from trials.images.notes import on_one_line
from trials.images.repeated_images import repeated_images
from trials.images.splits import Images, Splits
from trials.images.stratified_split import Rows, stratified_split

_log = logging.getLogger(__name__)

DECODED: Final = "decoded-"
_COPIED: Final = 256  # images that are copied at once


def log_note(note: str) -> None:
    """Log a note on what was left out of a data set or chosen in it."""
    _log.warning("%s", note)


def open_table(
    read: Callable[[], Table],
    *,
    key: str,
    seed: int,
    cache: Path | None,
    resolution: int | None = None,
    former_key: str | None = None,
    report_line: Callable[[str], None] = log_note,
) -> Splits:
    """Return the splits of a data set, decoded in memory or from the cache.

    Args:
        read: Returns the data set's images, not yet decoded; not called if they are in the cache.
        key: Cache key of the data set's files, see `trials.images.file_signature.signature`.
        seed: Seed of the splits, at least 0.
        cache: Folder of decoded data sets; None to keep everything in memory.
        resolution: Side in pixels of the square that each image is resized to, in one step; None for the size
            that suits all images.
        former_key: Key by which an earlier version cached the data set; that is taken over where the images
            are read as they were.
        report_line: Called with each of the notes when images are decoded; by default they are logged.

    Raises:
        DataError: if the images cannot be used.
    """
    if cache is None:
        table = read()
        found = _build(table, seed, _in_memory, report_line)
        if resolution is None or found.size == (resolution, resolution):
            return found
        return _at_resolution(table, found, resolution, seed, _in_memory)
    folder = cache / _folder_name(key, seed)
    former = None if former_key is None else cache / _folder_name(former_key, seed)
    try:
        if resolution is not None:
            sized = image_cache.load(image_cache.sized(folder, resolution))
            if sized is not None:
                return sized
        with image_cache.emptied_on_error(cache):
            found = image_cache.filled(
                cache, folder, lambda: _fill(folder, former, read(), seed, report_line)
            )
        if resolution is None or found.size == (resolution, resolution):
            return found
        sized_folder = image_cache.sized(folder, resolution)
        return image_cache.filled(
            cache, sized_folder, lambda: _fill_sized(sized_folder, read(), found, resolution, seed)
        )
    except OSError as error:
        raise DataError(
            f"Cannot keep decoded images in '{cache}': {error.strerror or error}. Expected a folder that can "
            f"be written and has room. Make room, or choose another folder."
        ) from error


def _fill(
    folder: Path, former: Path | None, table: Table, seed: int, report_line: Callable[[str], None]
) -> None:
    """Store the decoded images of a table in `folder`, or take over those of an earlier version."""
    if former is not None and is_read_as_before(table, image_cache.load(former)):
        former.rename(folder)
    else:
        _store(folder, table, seed, report_line)


def _store(folder: Path, table: Table, seed: int, report_line: Callable[[str], None]) -> None:
    _written(folder, lambda allocate: _build(table, seed, allocate, report_line))


def _fill_sized(folder: Path, table: Table, found: Splits, resolution: int, seed: int) -> None:
    """Store the images of a table at the resolution of a network in `folder`, after making room for them."""
    _log.info("Decoding the images for networks at %d x %d pixels", resolution, resolution)
    image_cache.make_room(folder.parent, 2 * found.bytes_at(resolution))  # before and after the split
    _written(folder, lambda allocate: _at_resolution(table, found, resolution, seed, allocate))


def _written(folder: Path, build: Callable[[Allocate], Splits]) -> None:
    with image_cache.atomic_folder(folder) as draft:
        image_cache.store(draft, build(_in_files(draft)))
        for left in draft.glob(f"{DECODED}*"):
            left.unlink()


def fingerprint(parts: Mapping[str, Images], classes: tuple[str, ...]) -> str:
    """Return the SHA-256 of decoded images, labels and class names."""
    digest = hashlib.sha256(json.dumps(classes).encode())
    for name in sorted(parts):
        digest.update(f"{name}{parts[name].images.shape}".encode())
        for chunk in _chunks(parts[name].images):
            digest.update(np.ascontiguousarray(chunk).data)
        digest.update(np.ascontiguousarray(parts[name].labels).data)
    return digest.hexdigest()


def _folder_name(key: str, seed: int) -> str:
    text = json.dumps([image_cache.VERSION, key, seed])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _build(table: Table, seed: int, allocate: Allocate, report_line: Callable[[str], None]) -> Splits:
    _check_labels(table)
    began = time.perf_counter()
    found = decode(table, lambda name, shape: allocate(DECODED + name, shape))
    decoding_s = time.perf_counter() - began
    rows = stratified_split({name: part.labels for name, part in found.parts.items()}, table.classes, seed)
    notes = [
        on_one_line(n)
        for n in (*table.notes, *found.notes, *_unreadable(found), *repeated_images(found, rows))
    ]
    for note in notes:
        report_line(note)
    parts = _divided(found, rows, allocate)
    mean, std = channel_statistics(parts["train"].images)
    return Splits(
        **parts,
        classes=table.classes,
        mean=mean,
        std=std,
        fingerprint=fingerprint(found.parts, table.classes),
        unreadable=tuple(image.name for image in found.unreadable),
        notes=tuple(notes),
        decoding_s=decoding_s,
    )


def _at_resolution(table: Table, before: Splits, resolution: int, seed: int, allocate: Allocate) -> Splits:
    """Return splits with the same images, each resized once to a square of `resolution` pixels."""
    size = (resolution, resolution, before.channels)
    found = decode(table, lambda name, shape: allocate(DECODED + name, shape), size)
    rows = stratified_split({name: part.labels for name, part in found.parts.items()}, table.classes, seed)
    parts = _divided(found, rows, allocate)
    if any(not np.array_equal(part.labels, getattr(before, name).labels) for name, part in parts.items()):
        raise DataError(
            "The images changed while they were read: expected the same as before. Let nothing write to "
            "them, and run the command again."
        )
    return replace(before, train=parts["train"], validation=parts["validation"], test=parts["test"])


def _divided(found: Decoded, rows: Mapping[str, Rows], allocate: Allocate) -> dict[str, Images]:
    """Return the images of each split that a search uses."""
    return {
        name: _gathered(name, found.parts[source], chosen, allocate)
        for name, (source, chosen) in rows.items()
    }


def _unreadable(found: Decoded) -> list[str]:
    if not found.unreadable:
        return []
    count = counted(len(found.unreadable), "image")
    return [f"Skipped {count} that cannot be read: {named(found.unreadable)}."]


def _check_labels(table: Table) -> None:
    if len(table.classes) < 2:
        found = f"one class, '{table.classes[0]}'" if table.classes else "no class"
        raise DataError(f"The images have {found}: expected two or more. Add another class.")
    for name, part in table.parts.items():
        if len(part.labels) != len(part.pictures):
            raise DataError(
                f"The '{name}' split has {len(part.pictures)} images and {len(part.labels)} labels: "
                f"expected one label per image. Check the files."
            )
        if len(part.labels) == 0:
            raise DataError(f"The '{name}' split is empty. Add images or remove the split.")
        wrong = part.labels[(part.labels < 0) | (part.labels >= len(table.classes))]
        if len(wrong):
            raise DataError(
                f"The '{name}' split has {len(wrong)} labels out of range, the first {wrong[0]}: "
                f"expected 0 to {len(table.classes) - 1} for {len(table.classes)} classes. Correct them."
            )


def _gathered(name: str, source: Images, rows: Int64[np.ndarray, " n"], allocate: Allocate) -> Images:
    pixels = allocate(f"{name}_images", (len(rows), *source.images.shape[1:]))
    for start in range(0, len(rows), _COPIED):
        chosen = rows[start : start + _COPIED]
        pixels[start : start + len(chosen)] = source.images[chosen]
    return Images(images=pixels, labels=source.labels[rows])


def _chunks(images: UInt8[np.ndarray, "n h w c"]) -> Iterator[Any]:
    for start in range(0, len(images), CHUNK):
        yield images[start : start + CHUNK]


def _in_memory(name: str, shape: tuple[int, int, int, int]) -> UInt8[np.ndarray, "n h w c"]:
    del name
    return np.empty(shape, dtype=np.uint8)


def _in_files(folder: Path) -> Allocate:
    def allocate(name: str, shape: tuple[int, int, int, int]) -> UInt8[np.ndarray, "n h w c"]:
        return image_cache.new_array(folder, name, shape)

    return allocate
