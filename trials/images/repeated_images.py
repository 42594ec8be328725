"""Finds images that are in two splits, or in two classes, pixel by pixel."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from search_spaces.units import counted
from trials.images.decoding import Decoded
from trials.images.stratified_split import Rows

_ORDER: Final = ("train", "validation", "test")
_WORDS: Final = {"train": "training", "validation": "validation", "test": "test"}


def repeated_images(found: Decoded, rows: Mapping[str, Rows]) -> list[str]:
    """Return a line for each two splits that share images, and one if classes do.

    Args:
        found: Decoded images of each split of the data set.
        rows: Source of the images of each split that a search uses, see
            `trials.images.stratified_split.stratified_split`.
    """
    digests = {name: [*map(_digest, part.images)] for name, part in found.parts.items()}
    used = {name: (source, chosen.tolist()) for name, (source, chosen) in rows.items()}
    return [*_between_splits(digests, used), *_between_classes(found, digests)]


def _between_splits(
    digests: Mapping[str, Sequence[bytes]], used: Mapping[str, tuple[str, list[int]]]
) -> Iterator[str]:
    seen: dict[bytes, str] = {}
    for name in _ORDER:
        source, chosen = used[name]
        mine = [digests[source][row] for row in chosen]
        for earlier in _ORDER[: _ORDER.index(name)]:
            count = sum(seen.get(digest) == earlier for digest in mine)
            if count:
                yield (
                    f"{count:,} of the {len(mine):,} {_WORDS[name]} images are also {_WORDS[earlier]} "
                    f"images, pixel by pixel: accuracies on them are too high."
                )
        for digest in mine:
            seen.setdefault(digest, name)


def _between_classes(found: Decoded, digests: Mapping[str, Sequence[bytes]]) -> Iterator[str]:
    classes: dict[bytes, set[int]] = {}
    for name, part in found.parts.items():
        for digest, label in zip(digests[name], part.labels.tolist(), strict=True):
            classes.setdefault(digest, set()).add(label)
    several = sum(len(labels) > 1 for labels in classes.values())
    if several:
        yield f"{counted(several, 'image')} in two classes or more, pixel by pixel: check the labels."


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
