"""Lists the images below a folder: each real folder once, and what is hidden or of another kind counted."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from search_spaces.errors import DataError
from trials.images.folder_rules import (
    SUFFIXES,
    is_foreign_image,
    is_hidden,
    is_image,
    is_written_by_nas,
)

_DEEPEST: Final = 100


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder with what lies directly in it, sorted by name.

    Attributes:
        path: Where it is.
        images: Its image files; a link without a target is one by its suffix.
        folders: Its folders, without hidden ones and those that nas writes.
        hidden: Hidden files and folders, with the number of images in each; only where there are some.
        foreign: Image files of kinds that are not read.
        repeated: Links to folders that are read in another place.
    """

    path: Path
    images: tuple[Path, ...]
    folders: tuple["Folder", ...]
    hidden: tuple[tuple[Path, int], ...] = ()
    foreign: tuple[Path, ...] = ()
    repeated: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.name

    @cached_property
    def count(self) -> int:
        """Number of images in it and below."""
        return len(self.images) + sum(folder.count for folder in self.folders)

    @cached_property
    def filled(self) -> tuple["Folder", ...]:
        """Those of its folders that have images in them or below."""
        return tuple(folder for folder in self.folders if folder.count)

    def walk(self) -> Iterator["Folder"]:
        """Yield this folder and all below it."""
        yield self
        for folder in self.folders:
            yield from folder.walk()

    def all_images(self) -> list[Path]:
        """Return the images in it and below, sorted by path."""
        return sorted(image for folder in self.walk() for image in folder.images)


def read_tree(path: Path) -> Folder:
    """Return the folder at `path` with all below it.

    Links are followed, but for those to folders that are read anyway: below `path`, above it, or linked
    twice.

    Raises:
        DataError: if a folder cannot be read.
    """
    return _Reader(root=path.resolve()).folder(path, depth=0)


def has_images_in_folders(path: Path) -> bool:
    """Return whether a folder below `path` has an image that is not hidden; stops at the first."""
    reader = _Reader(root=path.resolve())
    waiting = list(reader.entries(path).folders)
    while waiting:
        found = reader.entries(waiting.pop())
        if found.images:
            return True
        waiting += found.folders
    return False


def files_below(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files with one of some suffixes, in any case, in visible folders; sorted by path.

    Args:
        path: A folder.
        suffixes: Suffixes in lower case.
    """
    reader = _Reader(root=path.resolve())
    found, waiting = [], [path]
    while waiting:
        entries = reader.entries(waiting.pop(), suffixes)
        found += entries.images
        waiting += entries.folders
    return sorted(found)


@dataclass(slots=True, kw_only=True)
class _Entries:
    images: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    hidden: list[tuple[Path, int]] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)
    repeated: list[Path] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Reader:
    root: Path
    linked: set[Path] = field(default_factory=set)

    def folder(self, path: Path, *, depth: int) -> Folder:
        if depth > _DEEPEST:
            raise DataError(
                f"The folders in '{self.root}' lie more than {_DEEPEST} deep: expected fewer. Look for a "
                f"loop of links or mounts."
            )
        found = self.entries(path)
        return Folder(
            path=path,
            images=tuple(sorted(found.images)),
            folders=tuple(self.folder(inner, depth=depth + 1) for inner in sorted(found.folders)),
            hidden=tuple(sorted(found.hidden)),
            foreign=tuple(sorted(found.foreign)),
            repeated=tuple(sorted(found.repeated)),
        )

    def entries(self, path: Path, suffixes: tuple[str, ...] | None = None) -> _Entries:
        """Return what lies in a folder; with suffixes, files that have one instead of images."""
        found = _Entries()
        try:
            with os.scandir(path) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(
                f"Cannot read the folder '{path}': {error.strerror}. Expected a folder that can be listed. "
                f"Change its permissions or remove it."
            ) from error
        for entry in entries:
            self._sort(entry, Path(entry.path), found, suffixes)
        return found

    def _sort(
        self, entry: os.DirEntry[str], path: Path, found: _Entries, suffixes: tuple[str, ...] | None
    ) -> None:
        is_folder = _is_folder(entry)
        if is_folder and is_written_by_nas(path):
            return
        if is_hidden(entry.name, folder=is_folder):
            count = 0 if suffixes else _count_images(path, is_folder=is_folder)
            if count:
                found.hidden.append((path, count))
        elif is_folder:
            is_repeated = self._is_repeated(path) if entry.is_symlink() else self._was_linked(path)
            (found.repeated if is_repeated else found.folders).append(path)
        elif path.suffix.lower() in suffixes if suffixes else is_image(path):
            found.images.append(path)
        elif is_foreign_image(path):
            found.foreign.append(path)

    def _was_linked(self, folder: Path) -> bool:
        return bool(self.linked) and folder.resolve() in self.linked

    def _is_repeated(self, link: Path) -> bool:
        target = link.resolve()
        if self.root.is_relative_to(target) or any(map(target.is_relative_to, self.linked)):
            return True
        if target.is_relative_to(self.root):
            return not any(is_hidden(part, folder=True) for part in target.relative_to(self.root).parts)
        self.linked.add(target)
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _count_images(path: Path, *, is_folder: bool) -> int:
    """Return the number of images, by their suffix, that a file or folder is; links are not followed."""
    if not is_folder:
        return int(path.suffix.lower() in SUFFIXES)
    return sum(Path(name).suffix.lower() in SUFFIXES for _, _, names in os.walk(path) for name in names)
