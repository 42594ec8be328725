"""Reads images from a user's own function, named as ``module:function``."""

import hashlib
import json
from typing import Any

import numpy as np

from search_spaces.errors import DataError
from trials.images.array_conversion import all_as_pixels, as_labels
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
    where = {part: f"{part} of '{name}'" for part in pairs}
    for part, pair in pairs.items():
        _check_pair(where[part], pair)
    pixels = all_as_pixels({where[part]: pair[0] for part, pair in pairs.items()})
    parts = {
        part: Part(pictures=pixels[where[part]], labels=as_labels(pair[1], where[part]))
        for part, pair in pairs.items()
    }
    return numbered_table(parts, f"'{name}'")


def table_key(table: Table) -> str:
    """Return the SHA-256 of a table of pixels, the cache key of images that have no files."""
    digest = hashlib.sha256(json.dumps(table.classes).encode())
    for name, part in table.parts.items():
        pixels = np.ascontiguousarray(np.asarray(part.pictures))
        digest.update(f"{name}{pixels.shape}".encode())
        digest.update(pixels.data)
        digest.update(np.ascontiguousarray(part.labels).data)
    return digest.hexdigest()


def _check_pair(where: str, pair: Any) -> None:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise DataError(f"The {where} is a {type(pair).__name__}: {_EXPECTED}.")
