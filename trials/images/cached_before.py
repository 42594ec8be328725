"""Tells whether images that an earlier version decoded would be decoded to the same pixels now."""

from pathlib import Path
from typing import Final

import numpy as np

from trials.images.image_table import Encoded, Table
from trials.images.splits import Splits

_SUFFIXES: Final = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".webp"})
_STARTS: Final = (b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")
"""Kinds of files whose values are never wider than 8 bits; the rules for wider ones have changed."""


def is_read_as_before(table: Table, cached: Splits | None) -> bool:
    """Return whether the images of a table are those that were cached, by rules that have not changed.

    Args:
        table: The data set as it is read now.
        cached: The data set as an earlier version read it; None if it did not.
    """
    if cached is None or table.notes or cached.unreadable or cached.classes != table.classes:
        return False
    now = np.concatenate([part.labels for part in table.parts.values()])
    before = np.concatenate([part.labels for part in (cached.train, cached.validation, cached.test)])
    if not np.array_equal(np.sort(now), np.sort(before)):
        return False
    return all(_is_narrow(picture) for part in table.parts.values() for picture in part.pictures)


def _is_narrow(picture: Encoded) -> bool:
    if isinstance(picture, Path):
        return picture.suffix.lower() in _SUFFIXES
    return isinstance(picture, bytes) and picture.startswith(_STARTS)
