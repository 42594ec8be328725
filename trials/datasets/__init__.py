"""Formats of image data sets, one file each; a format is recognised by its files, never named.

A file binds ``DATASET``; an entry point of the group ``trials.datasets`` adds one from another package.

A data set is given as a path, as the name of an embedded data set (``digits``), or as
``module:function``, a function without arguments that returns `(images, labels)`. A folder with the name
of an embedded data set is given as ``./digits``.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

from search_spaces.errors import DataError
from search_spaces.paths import expanded
from search_spaces.shelf import Shelf
from trials.images.dataset_loading import open_table, signature
from trials.images.function_dataset import returned_table, table_key
from trials.images.image_table import Table
from trials.images.splits import Splits


class Dataset(ABC):
    """Reads one format of labelled images."""

    embedded: bool = False
    """Whether the images are part of an installed library, so that no path is given."""

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Return whether the file or folder at `path` looks like this format; reads no image."""

    @abstractmethod
    def read(self, path: Path) -> Table:
        """Return the images at `path`, not yet decoded.

        Raises:
            DataError: if the files contradict the format; names the file and what was expected.
        """


DATASETS: Final = Shelf[Dataset](__name__, "DATASET", "data set")


def open_images(data: str, *, seed: int, cache: Path | None) -> Splits:
    """Return the images of a data set, decoded and split.

    Args:
        data: Path, ``module:function``, or name of an embedded data set.
        seed: Seed of the split into train, validation and test, at least 0.
        cache: Folder of decoded images, shared by all workers; None to keep them in memory.

    Raises:
        DataError: if the images are missing, of no known format, unreadable or too few.
        UnknownNameError: if a module or function cannot be found.
    """
    if data in DATASETS and DATASETS[data].embedded:
        dataset = DATASETS[data]
        return open_table(lambda: dataset.read(Path(data)), key=data, seed=seed, cache=cache)
    path = expanded(data)
    if ":" in data and not path.exists():
        table = returned_table(data, DATASETS[data])
        return open_table(lambda: table, key=table_key(table), seed=seed, cache=cache)
    dataset = _recognised(data, path)
    key = f"{path.resolve()} {signature(path)}"
    return open_table(lambda: dataset.read(path), key=key, seed=seed, cache=cache)


def _recognised(data: str, path: Path) -> Dataset:
    embedded = ", ".join(name for name in DATASETS if DATASETS[name].embedded)
    if not path.exists():
        raise DataError(
            f"No images at '{data}': expected a file or folder, or an embedded data set "
            f"({embedded}). Check the path."
        )
    if path.is_dir() and not any(path.iterdir()):
        raise DataError(f"The folder '{data}' is empty: expected images in one folder per class.")
    for name in DATASETS:
        if DATASETS[name].recognises(path):
            return DATASETS[name]
    raise DataError(
        f"Cannot recognise the format of '{data}': expected one folder per class with image files, "
        f"or one of {', '.join(name for name in DATASETS if not DATASETS[name].embedded)}."
    )
