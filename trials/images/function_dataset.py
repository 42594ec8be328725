"""Reads images from a user's own function, named as ``module:function``."""

import hashlib
import json
from typing import Any

import numpy as np

from search_spaces.errors import DataError
from trials.images.array_conversion import as_labels, as_pixels
from trials.images.image_table import Part, Table, numbered_table

_PARTS = ("train", "validation", "test")
_EXPECTED = (
    "expected (images, labels), or a dict of such pairs under train, validation and test, "
    "with images [n, h, w] or [n, h, w, c] and integer labels [n]"
)


def returned_table(name: str, function: Any) -> Table:
    """Return the table of the images that `function` returns.

    Args:
        name: Name given by the user, ``module:function``.
        function: Function without arguments that returns a pair of arrays `(images, labels)`, or a dict of
            such pairs under ``train`` and optionally ``validation`` and ``test``.

    Raises:
        DataError: if it is not a function or returns something else.
    """
    if not callable(function):
        raise DataError(f"'{name}' is not a function: {_EXPECTED}, returned by a function.")
    returned = function()
    pairs = returned if isinstance(returned, dict) else {"train": returned}
    if "train" not in pairs or not set(pairs) <= set(_PARTS):
        raise DataError(f"'{name}' returned {sorted(map(str, pairs))}: {_EXPECTED}.")
    parts = {part: _part(f"{part} of '{name}'", pair) for part, pair in pairs.items()}
    return numbered_table(parts)


def table_key(table: Table) -> str:
    """Return the SHA-256 of a table of pixels, the cache key of images that have no files."""
    digest = hashlib.sha256(json.dumps(table.classes).encode())
    for name, part in table.parts.items():
        pixels = np.ascontiguousarray(np.asarray(part.pictures))
        digest.update(f"{name}{pixels.shape}".encode())
        digest.update(pixels.data)
        digest.update(np.ascontiguousarray(part.labels).data)
    return digest.hexdigest()


def _part(where: str, pair: Any) -> Part:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise DataError(f"The {where} is a {type(pair).__name__}: {_EXPECTED}.")
    return Part(pictures=as_pixels(pair[0], where), labels=as_labels(pair[1], where))
