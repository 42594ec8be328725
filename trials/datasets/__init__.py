"""Formats of image data sets, one file each; a format is recognised by its files, never named.

A file binds ``DATASET``; an entry point of the group ``trials.datasets`` adds one from another package.

A data set is given as a path, as the name of an embedded data set (``digits``), or as
``module:function``, a function without arguments that returns `(images, labels)`. A folder with the name
of an embedded data set is given as ``./digits``. A path may end with a choice of columns,
``PATH?image=COLUMN&label=COLUMN``.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from search_spaces.errors import DataError, UserError, reason_of
from search_spaces.shelf import Shelf
from trials.images.data_location import DataLocation
from trials.images.dataset_loading import log_note, open_table
from trials.images.file_signature import signature
from trials.images.folder_rules import is_image
from trials.images.function_dataset import returned_table, table_key
from trials.images.image_table import Table
from trials.images.notes import listed
from trials.images.splits import Splits

_log = logging.getLogger(__name__)


class Dataset(ABC):
    """Reads one format of labelled images."""

    embedded: bool = False
    """Whether the images are part of an installed library, so that no path is given."""
    version: int = 1
    """Version of its rules; images decoded by the rules of another version are decoded again."""
    loose: bool = False
    """Whether files of another format may lie among what it recognises."""

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Return whether the file or folder at `path` looks like this format; reads no image."""

    @abstractmethod
    def read(self, path: Path) -> Table:
        """Return the images at `path`, not yet decoded.

        Raises:
            DataError: if the files contradict the format; names the file and what was expected.
        """

    def extent(self, path: Path) -> str:
        """Return in words what the format would read at `path`, where another one is taken."""
        return f"what {type(self).__name__} reads in '{path}'"

    def with_columns(self, columns: Mapping[str, str]) -> "Dataset":
        """Return the format with a choice of columns, of ``image`` and ``label``.

        Raises:
            DataError: if the format has no columns.
        """
        raise _without_columns(columns)


DATASETS: Final = Shelf[Dataset](__name__, "DATASET", "data set")


def open_images(
    data: str,
    *,
    seed: int,
    cache: Path | None,
    resolution: int | None = None,
    report_line: Callable[[str], None] = log_note,
) -> Splits:
    """Return the images of a data set, decoded and split.

    Args:
        data: Path, perhaps with ``?image=COLUMN&label=COLUMN``, ``module:function``, or name of an embedded
            data set.
        seed: Seed of the split into train, validation and test, at least 0.
        cache: Folder of decoded images, shared by all workers; None to keep them in memory.
        resolution: Side in pixels of the square that networks take, to which each image is resized in one
            step; None for the size that suits all images.
        report_line: Called with each note on what was left out or chosen, when images are decoded; by default
            they are logged. `Splits.notes` holds them always.

    Raises:
        DataError: if the images are missing, of no known format, unreadable or too few.
        UnknownNameError: if a module or function cannot be found.
    """
    location = DataLocation.parse(data)
    options: dict[str, Any] = {"seed": seed, "cache": cache, "resolution": resolution}
    options["report_line"] = report_line
    if location.place in DATASETS and DATASETS[location.place].embedded:
        dataset = _chosen(DATASETS[location.place], location)
        return open_table(lambda: dataset.read(Path(data)), key=location.place, **options)
    path = location.path
    if ":" in location.place and not location.is_there:
        if location.columns:
            raise _without_columns(location.columns)
        table = returned_table(data, DATASETS[data])
        return open_table(lambda: table, key=table_key(table), **options)
    return _open_files(location, path, options)


def _open_files(location: DataLocation, path: Path, options: dict[str, Any]) -> Splits:
    try:
        found, notes = _recognised(location.place, path)
        former = f"{path.resolve()} {signature(path)}"
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"Cannot read '{location.place}': {reason_of(error)}. Expected files that can be read. "
            f"Check them and their permissions."
        ) from error
    dataset = _chosen(found, location)
    is_former = dataset.version == 1 and not location.columns
    key = former if is_former else f"{former} {dataset.version} {location.query}"

    def read() -> Table:
        try:
            table = dataset.read(path)
        except UserError:
            raise
        except Exception as error:  # the parsers of damaged files raise anything
            _log.debug("Reading '%s' failed", path, exc_info=True)
            raise DataError(
                f"Cannot read '{location.place}': {error or type(error).__name__}. Expected complete files. "
                f"Download or write them again."
            ) from error
        return replace(table, notes=(*notes, *table.notes))

    former_key = None if is_former or location.columns else former
    return open_table(read, key=key, former_key=former_key, **options)


def _without_columns(columns: Mapping[str, str]) -> DataError:
    return DataError(
        f"Cannot choose the columns {listed(list(columns.values()))}: expected Parquet files or a folder of "
        f"save_to_disk, which have columns. Leave out what follows the '?'."
    )


def _chosen(dataset: Dataset, location: DataLocation) -> Dataset:
    return dataset.with_columns(location.columns) if location.columns else dataset


def _recognised(data: str, path: Path) -> tuple[Dataset, tuple[str, ...]]:
    """Return the format of files, with a line on files of other formats beside them."""
    embedded = ", ".join(name for name in DATASETS if DATASETS[name].embedded)
    if not path.exists():
        raise DataError(
            f"No images at '{data}': expected a file or folder, or an embedded data set "
            f"({embedded}). Check the path."
        )
    if path.is_dir() and not any(path.iterdir()):
        raise DataError(f"The folder '{data}' is empty: expected images in one folder per class.")
    names = [name for name in DATASETS if DATASETS[name].recognises(path)]
    if not names and path.is_dir() and any(map(is_image, path.iterdir())):
        raise DataError(
            f"The images in '{data}' have no classes: expected one folder per class. Sort them into such."
        )
    if not names:
        raise DataError(
            f"Cannot recognise the format of '{data}': expected one folder per class with image files, "
            f"or one of {', '.join(name for name in DATASETS if not DATASETS[name].embedded)}."
        )
    taken = names[0] if len(names) == 1 else _most_fitting(names, path)
    others = [name for name in names if name != taken]
    return DATASETS[taken], tuple(
        f"Left out {DATASETS[name].extent(path)}, because '{data}' is read as {taken}." for name in others
    )


def _most_fitting(names: list[str], path: Path) -> str:
    """Return a format that lies nowhere by accident, unless class folders can be read as such."""
    strict = [name for name in names if not DATASETS[name].loose]
    for name in names:
        if DATASETS[name].loose and strict:
            try:
                DATASETS[name].read(path)
            except DataError:
                continue
            return name
    return (strict or names)[0]
