"""Tells what was not read in a folder of images: hidden images, other kinds, links to what is read anyway."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from search_spaces.units import counted
from trials.images.folder_tree import Folder
from trials.images.notes import listed


def notes_on(tree: Folder) -> Iterator[str]:
    """Yield one line for each kind of what was not read below a folder."""
    folders = list(tree.walk())
    hidden = [item for folder in folders for item in folder.hidden]
    if hidden:
        count = counted(sum(number for _, number in hidden), "hidden image")
        yield f"Left out {count}: {_places([path for path, _ in hidden], tree.path)}."
    foreign = Counter(path.suffix.lower() for folder in folders for path in folder.foreign)
    if foreign:
        yield (
            f"Left out {counted(foreign.total(), 'image')} of kinds that are not read "
            f"({', '.join(sorted(foreign))}): convert them to PNG or JPEG to use them."
        )
    repeated = [link for folder in folders for link in folder.repeated]
    if repeated:
        yield (
            f"{counted(len(repeated), 'link')} to folders that are read in another place: "
            f"{_places(repeated, tree.path)}."
        )


def _places(paths: list[Path], root: Path) -> str:
    return listed([os.path.relpath(path, root) for path in paths])
