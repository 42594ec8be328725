"""A data set before decoding: encoded images with their labels, by the splits of its files."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from trials.images.class_labels import numbered_classes

Encoded: TypeAlias = bytes | Path | Shaped[np.ndarray, "..."]
"""An image file, its content, or pixels: uint8 [h, w] or [h, w, c] with c in 1, 3, 4."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Encoded images of one split with their labels.

    Attributes:
        pictures: `n` encoded images; iterated more than once, and need not fit into memory.
        labels: Class of each image, from 0.
        numbers: Number of each image in its files, where that is not its place here.
    """

    pictures: Collection[Encoded]
    labels: Int64[np.ndarray, " n"]
    numbers: Int64[np.ndarray, " n"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A data set before decoding.

    Attributes:
        parts: Images of ``train`` and, if the data set has them, of ``validation`` and ``test``.
        classes: Name of each class, in the order of the labels.
        notes: What was left out of the data set or chosen in it, one line each.
    """

    parts: Mapping[str, Part]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


class SelectedPictures:
    """Those of some pictures that a mask selects.

    Args:
        pictures: `n` encoded images.
        selected: Whether each of them counts.
    """

    def __init__(self, pictures: Collection[Encoded], selected: Bool[np.ndarray, " n"]) -> None:
        self._pictures, self._selected = pictures, selected

    def __len__(self) -> int:
        return int(self._selected.sum())

    def __contains__(self, picture: object) -> bool:
        return any(picture is other for other in self)

    def __iter__(self) -> Iterator[Encoded]:
        pairs = zip(self._pictures, self._selected.tolist(), strict=True)
        return (picture for picture, selected in pairs if selected)


def labelled_part(pictures: Collection[Encoded], labels: Int64[np.ndarray, " n"]) -> Part:
    """Return the part of those pictures that have a label, which is below 0 otherwise."""
    selected = labels >= 0
    if selected.all() or len(selected) != len(pictures):  # the latter is an error that is raised later
        return Part(pictures=pictures, labels=labels)
    chosen = pictures[selected] if isinstance(pictures, np.ndarray) else SelectedPictures(pictures, selected)
    return Part(pictures=chosen, labels=labels[selected], numbers=np.flatnonzero(selected))


def numbered_table(parts: Mapping[str, Part], where: str) -> Table:
    """Return the table of `parts` whose labels are numbers of classes, called by these numbers.

    Args:
        parts: Images with integer labels; those with -1 have none.
        where: Name of the data set in messages.

    Raises:
        DataError: if a label is below -1, or a class is not among those to train on.
    """
    found = numbered_classes({name: part.labels for name, part in parts.items()}, where)
    named = {name: labelled_part(parts[name].pictures, codes) for name, codes in found.labels.items()}
    return Table(parts=named, classes=found.classes, notes=found.notes)
