"""Reads image files from one folder per class, with or without folders for splits above them.

Which names are hidden, which files are images and which folders are splits: `trials.images.folder_rules`.
"""

from pathlib import Path
from typing import Final

import numpy as np
from typing_extensions import override

from search_spaces.errors import DataError
from search_spaces.units import counted
from trials.datasets import Dataset
from trials.images.class_labels import composed
from trials.images.decoding import decode
from trials.images.folder_notes import notes_on
from trials.images.folder_splits import find_splits
from trials.images.folder_tree import Folder, has_images_in_folders, read_tree
from trials.images.image_table import Part, Table
from trials.images.notes import listed
from trials.images.splits import Images


class ImageFolder(Dataset):
    """One folder per class, named after it; images may be in subfolders."""

    version = 2
    loose = True

    @override
    def recognises(self, path: Path) -> bool:
        return path.is_dir() and has_images_in_folders(path)

    @override
    def extent(self, path: Path) -> str:
        return f"{counted(read_tree(path).count, 'image')} in folders"

    @override
    def read(self, path: Path) -> Table:
        return read_folder(path)


def read_folder(path: Path, *, fewest: int = 2) -> Table:
    """Return the images in a folder, not yet decoded.

    Args:
        path: Folder with one folder per class, perhaps below folders for splits.
        fewest: Lowest number of classes that is accepted, at least 1.

    Raises:
        DataError: if the folders are not those of classes.
    """
    tree = read_tree(path)
    found = find_splits(tree)
    classes = _classes(found.splits["train"], fewest)
    parts = {}
    notes = list(found.notes)
    for name, folder in found.splits.items():
        if name != "train" and _is_unlabelled(folder, classes):
            notes.append(f"Left out {counted(folder.count, 'image')} in '{folder.path}': in no class folder.")
            continue
        parts[name] = _read_part(folder, classes)
        if folder.images and folder is not found.top:
            notes.append(
                f"Left out {counted(len(folder.images), 'image')} beside the class folders of "
                f"'{folder.path}'."
            )
    return Table(parts=parts, classes=classes, notes=(*notes, *notes_on(tree)))


def decoded_folder(
    path: Path, size: tuple[int, int, int] | None = None
) -> tuple[dict[str, Images], tuple[str, ...]]:
    """Return the decoded images of each split of a folder, and what was left out or chosen, a line each.

    Args:
        path: Folder of images.
        size: Height, width and channels of the decoded images; by default those that suit them all.

    Raises:
        DataError: if the images cannot be used.
    """
    table = read_folder(path, fewest=1)
    decoded = decode(table, lambda _, shape: np.empty(shape, dtype=np.uint8), size)
    skipped = tuple(
        f"Skipped {image.name}, which cannot be read: {image.reason}." for image in decoded.unreadable
    )
    return decoded.parts, (*table.notes, *decoded.notes, *skipped)


def _classes(train: Folder, fewest: int) -> tuple[str, ...]:
    """Return the names of the class folders, without those that differ in the form of Unicode only."""
    names = [folder.name for folder in train.folders]
    first = {composed(name): name for name in reversed(names)}
    classes = tuple(name for name in names if first[composed(name)] == name)
    if len(classes) < fewest:
        what = f"one class folder, '{classes[0]}'" if classes else "no class folder"
        raise DataError(f"'{train.path}' has {what}: expected two or more.")
    return classes


def _is_unlabelled(folder: Folder, classes: tuple[str, ...]) -> bool:
    """Return whether images lie in a split without class folders, or in a single one that is no class."""
    if not folder.folders:
        return bool(folder.images)
    known = {composed(name) for name in classes}
    return len(folder.filled) == 1 and composed(folder.filled[0].name) not in known


def _read_part(split: Folder, classes: tuple[str, ...]) -> Part:
    pictures: list[Path] = []
    labels: list[int] = []
    place = {composed(name): index for index, name in enumerate(classes)}
    for folder in split.folders:
        if composed(folder.name) not in place:
            raise DataError(
                f"The class folder '{folder.path}' is not among the training classes: expected one of "
                f"{listed(classes)}. Rename or remove it."
            )
        if not folder.count:
            others = sum(len(inner.foreign) for inner in folder.walk())
            what = f" but {counted(others, 'file')} of kinds that are not read" if others else ""
            raise DataError(
                f"The class folder '{folder.path}' has no images{what}: expected PNG, JPEG or other image "
                f"files. Add images or remove the folder."
            )
        pictures += folder.all_images()
        labels += [place[composed(folder.name)]] * folder.count
    return Part(pictures=pictures, labels=np.array(labels, dtype=np.int64))


DATASET: Final = ImageFolder()
