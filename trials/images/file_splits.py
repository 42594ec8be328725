"""Divides files into splits by their names or folders, or refuses where several readings are possible."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from search_spaces.errors import DataError
from trials.images.folder_rules import splits_among
from trials.images.notes import listed

_PLAIN_FOLDERS: Final = frozenset({"", ".", "data"})
"""Folders of one configuration, as on the Hugging Face Hub; other names are those of configurations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSplits:
    """Files of each split.

    Attributes:
        splits: Files of ``train`` and perhaps of ``validation`` and ``test``.
        notes: What was chosen, one line each.
    """

    splits: dict[str, list[Path]]
    notes: tuple[str, ...] = ()


def split_files(files: Sequence[Path], root: Path) -> FileSplits:
    """Return the files of each split.

    Args:
        files: The files, at least one.
        root: The folder that they are below, or the only file itself.

    Raises:
        DataError: if there are no training files, files of several data sets, or files of no split beside
        others.
    """
    if root.is_dir():
        _check_complete(files)
    if len(files) == 1:
        return FileSplits(splits={"train": list(files)}, notes=_only(files[0]))
    _check_one_set(files, root)
    found = {file: _split_of(file, files, root) for file in files}
    if not any(found.values()):
        return FileSplits(splits={"train": list(files)})
    lost = [str(file.relative_to(root)) for file, split in found.items() if split is None]
    if "train" not in found.values():
        raise DataError(
            f"No training file among {listed([str(file.relative_to(root)) for file in files])} in '{root}': "
            f"expected train in the name of a file or folder. Rename the training files."
        )
    if lost:
        raise DataError(
            f"{listed(lost)} in '{root}' belongs to no split by its name: expected train, validation or test "
            f"in it. Rename it, or move it elsewhere."
        )
    splits: dict[str, list[Path]] = {}
    for file, split in found.items():
        splits.setdefault(str(split), []).append(file)
    return FileSplits(splits=splits)


def _check_complete(files: Sequence[Path]) -> None:
    """Refuse files such as ``train-00000-of-00002`` of which one is missing."""
    found: dict[tuple[Path, str], set[int]] = {}
    for file in files:
        if written := re.fullmatch(r"(.*)-(\d+)-of-(\d+)", file.stem):
            found.setdefault((file.parent, f"{written[1]}-of-{written[3]}"), set()).add(int(written[2]))
    for (folder, name), numbers in found.items():
        wanted = int(name.rpartition("-of-")[2])
        if len(numbers) < wanted:
            missing = next(number for number in range(wanted) if number not in numbers)
            raise DataError(
                f"'{folder}' has {len(numbers)} of the {wanted} files of {name.rpartition('-of-')[0]}: "
                f"expected all. Download number {missing} too."
            )


def _only(file: Path) -> tuple[str, ...]:
    split = splits_among([file.stem]).get(file.stem, "train")
    return (
        ()
        if split == "train"
        else (f"Trained on '{file.name}', the only file, though its name is of {split}.",)
    )


def _split_of(file: Path, files: Sequence[Path], root: Path) -> str | None:
    """Return the split in a file's name, else in the name of its nearest folder that has one."""
    beside = [other.stem for other in files if other.parent == file.parent]
    own = splits_among(beside).get(file.stem)
    outer = [_split_of_folder(folder, files, root) for folder in file.parents if folder.is_relative_to(root)]
    of_folder = next(filter(None, outer), None)
    if own is not None and of_folder is not None and own != of_folder:
        raise DataError(
            f"'{file.relative_to(root)}' is of {own} by its name and of {of_folder} by its folder: expected "
            f"one split. Rename one."
        )
    return own or of_folder


def _split_of_folder(folder: Path, files: Sequence[Path], root: Path) -> str | None:
    if folder == root:
        return None
    depth = len(folder.parts)
    beside = {other.parts[depth - 1] for other in files if other.parts[: depth - 1] == folder.parts[:-1]}
    return splits_among(beside).get(folder.name)


def _check_one_set(files: Sequence[Path], root: Path) -> None:
    """Refuse files of several configurations of a data set."""
    sets = {_set_of(file, files, root) for file in files}
    if len(sets) > 1:
        names = sorted(name or "." for name in sets)
        raise DataError(
            f"'{root}' holds several data sets, in {listed(names)}: expected one. Give the path of one, such "
            f"as --data '{root / next(name for name in names if name != '.')}'."
        )


def _set_of(file: Path, files: Sequence[Path], root: Path) -> str:
    """Return the folders of a file without those that name splits."""
    folders = [folder for folder in file.parents if folder.is_relative_to(root) and folder != root]
    names = [folder.name for folder in reversed(folders) if _split_of_folder(folder, files, root) is None]
    return "/".join(name for name in names if name not in _PLAIN_FOLDERS)
