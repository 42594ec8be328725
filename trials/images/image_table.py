"""Images as a data set's files hold them: labelled, in the parts given, not yet decoded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Int64, Shaped

from search_spaces.errors import DataError

Encoded: TypeAlias = bytes | Path | Shaped[np.ndarray, "..."]
"""An image file, its content, or pixels: uint8 [h, w] or [h, w, c] with c in 1, 3, 4."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Some images with their labels.

    Attributes:
        pictures: `n` encoded images; iterated more than once, and need not fit in memory.
        labels: Class of each, from 0.
    """

    pictures: Collection[Encoded]
    labels: Int64[np.ndarray, " n"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A data set before decoding.

    Attributes:
        parts: ``train`` and, where the data set gives them, ``validation`` and ``test``.
        classes: Name of each class, in the order of the labels.
    """

    parts: Mapping[str, Part]
    classes: tuple[str, ...]


def numbered_table(parts: Mapping[str, Part]) -> Table:
    """Return the table of `parts` whose classes have no names: called by their numbers.

    Labels that start above 0, as those of EMNIST's letters do, are moved down to 0.

    Raises:
        DataError: if the labels name more classes than there are images.
    """
    labels = np.concatenate([part.labels for part in parts.values()])
    lowest = int(labels.min()) if len(labels) and labels.min() > 0 else 0
    highest = int(labels.max(initial=-1))
    if highest - lowest >= len(labels):
        raise DataError(
            f"The labels reach from {lowest} to {highest} over {len(labels)} images: expected the "
            f"numbers of classes, from 0."
        )
    moved = {name: replace(part, labels=part.labels - lowest) for name, part in parts.items()}
    return Table(parts=moved, classes=tuple(str(n) for n in range(lowest, highest + 1)))
