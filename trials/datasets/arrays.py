"""Reads an ``.npz`` file of NumPy arrays: images and labels, for one or several splits.

The arrays are ``images`` (or ``x``) and ``labels`` (or ``y``), alone or with the name of the split before
or after it: ``x_train``, ``train_images`` (as in MedMNIST, https://medmnist.com), ``test_labels``.
"""

import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from typing_extensions import override

from search_spaces.errors import DataError
from trials.datasets import Dataset
from trials.images.array_conversion import as_labels, as_pixels
from trials.images.image_table import Part, Table, numbered_table

PARTS: Final = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
IMAGES: Final = ("images", "x")
LABELS: Final = ("labels", "y")


class Arrays(Dataset):
    """NumPy arrays in one file."""

    @override
    def recognises(self, path: Path) -> bool:
        return path.is_file() and path.suffix == ".npz"

    @override
    def read(self, path: Path) -> Table:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                parts = _parts(arrays, path)
        except DataError:
            raise
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(
                f"Cannot read the arrays in '{path}': {error}. Expected a complete .npz file without objects."
            ) from error
        return numbered_table(parts)


def _parts(arrays: Any, path: Path) -> dict[str, Part]:
    found = {}
    for written, name in PARTS.items():
        images, labels = _named(arrays, IMAGES, written), _named(arrays, LABELS, written)
        if images and labels:
            found[name] = _part(arrays, images, labels, path)
    images, labels = _named(arrays, IMAGES, ""), _named(arrays, LABELS, "")
    if not found and images and labels:
        found["train"] = _part(arrays, images, labels, path)
    if "train" not in found:
        raise DataError(
            f"No images and labels among the arrays of '{path}' ({', '.join(arrays.files)}): expected "
            f"images and labels, or x_train and y_train, or train_images and train_labels."
        )
    return found


def _named(arrays: Any, kinds: tuple[str, ...], part: str) -> str | None:
    names = [name for kind in kinds for name in (f"{kind}_{part}", f"{part}_{kind}")] if part else kinds
    return next((name for name in names if name in arrays.files), None)


def _part(arrays: Any, images: str, labels: str, path: Path) -> Part:
    return Part(
        pictures=as_pixels(arrays[images], f"'{images}' in '{path}'"),
        labels=as_labels(arrays[labels], f"'{labels}' in '{path}'"),
    )


DATASET: Final = Arrays()
