"""A data set before decoding: encoded images with their labels, by the splits of its files."""

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
    """Encoded images of one split with their labels.

    Attributes:
        pictures: `n` encoded images; iterated more than once, and need not fit into memory.
        labels: Class of each image, from 0.
    """

    pictures: Collection[Encoded]
    labels: Int64[np.ndarray, " n"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A data set before decoding.

    Attributes:
        parts: Images of ``train`` and, if the data set has them, of ``validation`` and ``test``.
        classes: Name of each class, in the order of the labels.
    """

    parts: Mapping[str, Part]
    classes: tuple[str, ...]


def numbered_table(parts: Mapping[str, Part]) -> Table:
    """Return the table of `parts` with the number of each class as its name.

    Labels that start above 0, such as those of EMNIST's letters, are shifted to start at 0.

    Raises:
        DataError: if the labels name more classes than there are images.
    """
    labels = np.concatenate([part.labels for part in parts.values()])
    lowest = int(labels.min()) if len(labels) and labels.min() > 0 else 0
    highest = int(labels.max(initial=-1))
    if highest - lowest >= len(labels):
        raise DataError(
            f"The labels range from {lowest} to {highest} over {len(labels)} images: expected numbers of "
            f"classes, from 0. Number the classes without gaps."
        )
    moved = {name: replace(part, labels=part.labels - lowest) for name, part in parts.items()}
    return Table(parts=moved, classes=tuple(str(n) for n in range(lowest, highest + 1)))
