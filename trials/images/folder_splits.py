"""Finds the folders of the splits in a folder of images, or refuses where several readings are possible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_spaces.errors import DataError
from search_spaces.units import counted
from trials.images.folder_rules import is_part_name, splits_among
from trials.images.folder_tree import Folder
from trials.images.notes import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSplits:
    """The folders of the splits of a data set.

    Attributes:
        top: The folder of the splits, or else of the classes.
        splits: Folder with the class folders of ``train`` and perhaps of ``validation`` and ``test``.
        notes: What was left out or chosen, one line each.
    """

    top: Folder
    splits: dict[str, Folder]
    notes: tuple[str, ...]


def find_splits(tree: Folder) -> FoundSplits:
    """Return the splits below a folder; without folders for splits, it is itself the training split.

    Raises:
        DataError: if the folders can be read in several ways.
    """
    top = _descended(tree)
    notes = [f"The images are those in '{top.path}', the only folder with images."] if top is not tree else []
    if top.images:
        notes.append(f"Left out {counted(len(top.images), 'image')} beside the folders of '{top.path}'.")
    named = splits_among(folder.name for folder in top.folders)
    structured = {
        folder.name: split for folder in top.filled if (split := named.get(folder.name)) and folder.filled
    }
    if "train" not in structured.values():
        _check_classes(top, named, structured)
        return FoundSplits(top=top, splits={"train": top}, notes=(*notes, *_classes_like_splits(top)))
    splits = _by_split(top, named)
    others = [folder for folder in top.filled if folder.name not in named]
    notes += _left_out(others, splits["train"])
    return FoundSplits(top=top, splits=splits, notes=tuple(notes))


def _descended(folder: Folder) -> Folder:
    """Return the folder that holds the data set, inside folders that hold nothing else."""
    while len(folder.filled) == 1 and not folder.images:
        inner = folder.filled[0]
        is_split = splits_among([inner.name]).get(inner.name) == "train"
        if not inner.filled or (is_split and not _holds_splits(inner)):
            break
        folder = inner
    return folder


def _by_split(top: Folder, named: Mapping[str, str]) -> dict[str, Folder]:
    splits: dict[str, Folder] = {}
    for folder in sorted(top.folders, key=lambda folder: not folder.count):  # those without images last
        split = named.get(folder.name)
        if split in splits and folder.count:
            raise DataError(
                f"'{top.path}' has two folders for the {split} split, '{splits[split].name}' and "
                f"'{folder.name}': expected one. Merge them, or rename one of them."
            )
        if split is not None:
            splits.setdefault(split, folder)
    return {split: _unwrapped(folder) for split, folder in splits.items()}


def _unwrapped(split: Folder) -> Folder:
    """Return the folder of the class folders: ``seg_train`` may hold another ``seg_train`` with them."""
    while len(split.filled) == 1 and not split.images and len((inner := split.filled[0]).filled) > 1:
        if inner.name.lower() != split.name.lower() and not is_part_name(inner.name):
            break
        split = inner
    return split


def _left_out(others: Sequence[Folder], train: Folder) -> list[str]:
    """Return a line for each folder that is no split; refuse one with the classes of the training images."""
    classes = {folder.name for folder in train.filled}
    for folder in others:
        if classes & {inner.name for inner in _unwrapped(folder).filled}:
            raise DataError(
                f"The folder '{folder.path}' has class folders but is no split by its name: expected train, "
                f"validation or test. Rename it, or move it elsewhere."
            )
    return [
        f"Left out {counted(folder.count, 'image')} in '{folder.path}', which is no split by its name."
        for folder in others
    ]


def _check_classes(top: Folder, named: Mapping[str, str], structured: Mapping[str, str]) -> None:
    """Refuse folders that look like something else than class folders."""
    if structured:
        raise DataError(
            f"'{top.path}' has class folders in {listed(list(structured))} but none in a folder for "
            f"training: expected 'train' with class folders. Rename the folder of the training images, or "
            f"those that are classes."
        )
    flat = {named[folder.name] for folder in top.filled if folder.name in named}
    if len(flat) > 1:
        raise DataError(
            f"The images in '{top.path}' have no classes: expected one folder per class in "
            f"{listed([folder.name for folder in top.filled if folder.name in named])}. Sort them into such."
        )
    several = [folder.name for folder in top.filled if _holds_splits(folder)]
    if several:
        raise DataError(
            f"The folders {listed(several)} in '{top.path}' hold folders for splits: expected one data set "
            f"with the splits above the classes. Give the path of one, or move the folders."
        )
    parts = [folder.name for folder in top.filled if folder.filled and is_part_name(folder.name)]
    if len(parts) > 1 and len(parts) == len(top.filled):
        raise DataError(
            f"The folders {listed(parts)} in '{top.path}' look like parts of a data set, not like classes: "
            f"expected one folder per class. Merge them, or give the path of one."
        )


def _holds_splits(folder: Folder) -> bool:
    names = [inner.name for inner in folder.filled]
    found = splits_among(names)
    has_classes = any(inner.filled for inner in folder.filled if found.get(inner.name) == "train")
    return "train" in found.values() and (has_classes or (len(names) > 1 and len(found) == len(names)))


def _classes_like_splits(top: Folder) -> list[str]:
    """Return lines on folders that are taken as classes and could be something else."""
    named = [folder.name for folder in top.filled if folder.name in splits_among([folder.name])]
    notes = [f"{listed(named)} in '{top.path}' is a class here, not a split."] if named else []
    inner = {tuple(deep.name for deep in folder.filled) for folder in top.filled}
    if len(top.filled) > 1 and len(inner) == 1 and len(names := inner.pop()) > 1:
        notes.append(
            f"The classes are the folders {listed([folder.name for folder in top.filled])}; each holds "
            f"folders {listed(names)}, which are read as one."
        )
    return notes
