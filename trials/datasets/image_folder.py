"""Reads image files from one folder per class, with or without train, validation and test folders above."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from typing_extensions import override

from search_spaces.errors import DataError
from trials.datasets import Dataset
from trials.images.image_table import Part, Table

PARTS: Final = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
SUFFIXES: Final = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


class ImageFolder(Dataset):
    """One folder per class, named after it; images may be in subfolders."""

    @override
    def recognises(self, path: Path) -> bool:
        return path.is_dir() and any(next(_images(folder), None) is not None for folder in _folders(path))

    @override
    def read(self, path: Path) -> Table:
        parts = _parts(path)
        classes = tuple(folder.name for folder in _folders(parts["train"]))
        if len(classes) < 2:
            found = f"one class folder, '{classes[0]}'" if classes else "no class folder"
            raise DataError(f"'{parts['train']}' has {found}: expected two or more.")
        return Table(
            parts={name: _read_part(folder, classes) for name, folder in parts.items()},
            classes=classes,
        )


def _parts(path: Path) -> dict[str, Path]:
    named = {PARTS[f.name.lower()]: f for f in _folders(path) if f.name.lower() in PARTS}
    return named if "train" in named else {"train": path}


def _read_part(path: Path, classes: tuple[str, ...]) -> Part:
    pictures: list[Path] = []
    labels: list[int] = []
    for folder in _folders(path):
        if folder.name not in classes:
            raise DataError(
                f"The class folder '{folder}' is not among the training classes: "
                f"expected one of {', '.join(classes[:10])}."
            )
        found = sorted(_images(folder))
        if not found:
            raise DataError(
                f"The class folder '{folder}' has no images: expected files with the endings "
                f"{', '.join(sorted(SUFFIXES))}. Add images or remove the folder."
            )
        pictures += found
        labels += [classes.index(folder.name)] * len(found)
    return Part(pictures=pictures, labels=np.array(labels, dtype=np.int64))


def _folders(path: Path) -> list[Path]:
    return sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith((".", "__")))


def _images(path: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(path, followlinks=True):
        for name in names:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(folder, name)


DATASET: Final = ImageFolder()
