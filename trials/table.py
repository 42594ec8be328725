"""Images as a data set's files hold them: labelled, in the parts given, not yet decoded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Int64

Encoded: TypeAlias = bytes | Path | np.ndarray[Any, Any]
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
