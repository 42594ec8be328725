"""Reads an ``.npz`` file of NumPy arrays: images and labels, for one or several splits.

The arrays are ``images`` (or ``x``) and ``labels`` (or ``y``), alone or with the name of the split before
or after it: ``x_train``, ``train_images`` (as in MedMNIST, https://medmnist.com), ``test_labels``.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from typing_extensions import override

from search_spaces.errors import DataError
from trials.datasets import Dataset
from trials.images.array_conversion import all_as_pixels, as_labels
from trials.images.folder_rules import splits_among
from trials.images.image_table import Part, Table, numbered_table
from trials.images.notes import listed

IMAGES: Final = ("images", "x")
LABELS: Final = ("labels", "y")


class Arrays(Dataset):
    """NumPy arrays in one file."""

    @override
    def recognises(self, path: Path) -> bool:
        return path.is_file() and path.suffix.lower() == ".npz"

    @override
    def read(self, path: Path) -> Table:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _table(arrays, path)
        except DataError:
            raise
        except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds on damaged files
            raise DataError(
                f"Cannot read the arrays in '{path}': {error}. Expected a complete .npz file without objects."
            ) from error


def _table(arrays: Any, path: Path) -> Table:
    names = _named_pairs(arrays, path)
    where = {part: f"'{images}' in '{path}'" for part, (images, _) in names.items()}
    pixels = all_as_pixels({where[part]: arrays[images] for part, (images, _) in names.items()})
    parts = {
        part: Part(pictures=pixels[where[part]], labels=as_labels(arrays[labels], f"'{labels}' in '{path}'"))
        for part, (_, labels) in names.items()
    }
    found = numbered_table(parts, f"'{path}'")
    others = sorted(set(arrays.files) - {name for pair in names.values() for name in pair})
    notes = (f"Left out the arrays {listed(others)} of '{path}'.",) if others else ()
    return replace(found, notes=(*notes, *found.notes))


def _named_pairs(arrays: Any, path: Path) -> dict[str, tuple[str, str]]:
    """Return the names of the arrays of images and of labels of each split."""
    images, labels = _by_split(arrays, IMAGES, path), _by_split(arrays, LABELS, path)
    found = {split or "train": (images[split], labels[split]) for split in sorted(images) if split in labels}
    if "train" not in found:
        raise DataError(
            f"No images and labels among the arrays of '{path}' ({', '.join(arrays.files)}): expected "
            f"images and labels, or x_train and y_train, or train_images and train_labels."
        )
    return found


def _by_split(arrays: Any, kinds: tuple[str, ...], path: Path) -> dict[str, str]:
    """Return the name of the array of one of some kinds for each split, "" where no split is named."""
    found: dict[str, str] = {}
    for name in arrays.files:
        words = re.split(r"[_. -]+", name)
        others = [word for word in words if word.lower() not in kinds]
        if len(others) == len(words):
            continue
        split = splits_among(["_".join(others)]).get("_".join(others)) if others else ""
        if split in found:
            raise DataError(
                f"'{path}' has two arrays for the same, '{found[split]}' and '{name}': expected one. Remove "
                f"one."
            )
        if split is not None:
            found[split] = name
    return found


DATASET: Final = Arrays()
