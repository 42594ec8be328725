"""Data sets that users have uploaded: a folder of images for each, below the folder of the service."""

import re
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nas.service.archive import unpack
from nas.service.refusals import ConflictError, NotFoundError
from search_spaces.errors import InvalidValueError

GIB: Final = 1024**3
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DRAFT: Final = ".draft-"
_DRAFT_S: Final = 86_400  # longer than any archive takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A data set that a user has uploaded.

    Attributes:
        name: Its name, which searches of the user give as ``data``.
        path: Folder of its images.
        bytes: Size of the images in bytes.
        images: Number of images.
    """

    name: str
    path: Path
    bytes: int
    images: int

    def to_json(self) -> dict[str, Any]:
        """Return what its user may see of it."""
        return {"name": self.name, "images": self.images, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class Uploads:
    """The uploaded data sets of all users.

    Attributes:
        folder: Folder of all of them, which servers that share a queue share too.
        most_bytes: Most bytes of an archive and of what it unpacks to; 0 where nothing can be uploaded.
    """

    folder: Path
    most_bytes: int = 4 * GIB

    def of(self, user: str) -> dict[str, Path]:
        """Return the folders of a user's data sets by name."""
        home = self.folder / user
        found = home.iterdir() if home.is_dir() else ()
        roots = {path.name: _root(path) for path in sorted(found) if _NAME.fullmatch(path.name)}
        return {name: root for name, root in roots.items() if root is not None}

    def listed(self, user: str) -> tuple[Upload, ...]:
        """Return a user's data sets by name."""
        return tuple(_upload(name, path) for name, path in self.of(user).items())

    def bytes_of(self, user: str) -> int:
        """Return the bytes that a user's data sets take."""
        return sum(one.bytes for one in self.listed(user))

    @contextmanager
    def draft(self, user: str, name: str) -> Iterator[Path]:
        """Yield an empty folder for what becomes a data set; what is left in it is removed after the block.

        Raises:
            InvalidValueError: if the name cannot be used.
            ConflictError: if the user has a data set of this name.
        """
        if not _NAME.fullmatch(name):
            raise InvalidValueError(
                f"Cannot call a data set {name[:80]!a}: expected up to 64 letters, digits, - and _."
            )
        home = self.folder / user
        if (home / name).exists():
            raise _taken(name)
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_DRAFT, dir=home) as folder:
            yield Path(folder)

    def add(self, user: str, name: str, archive: Path, *, most_bytes: int) -> Upload:
        """Unpack an archive in its draft's folder into a new data set, and return it.

        Args:
            user: User that it belongs to.
            name: Its name.
            archive: The archive, in the folder that `draft` has yielded.
            most_bytes: Most bytes that it may unpack to.

        Raises:
            RefusedError: if the archive cannot be taken.
        """
        draft = archive.with_name("images")
        draft.mkdir()
        unpacked = unpack(archive, draft, most_bytes=most_bytes)
        archive.unlink()
        place = self.folder / user / name
        try:
            draft.rename(place)
        except OSError as error:
            if place.exists():
                raise _taken(name) from error
            raise
        return Upload(name=name, path=_root(place) or place, bytes=unpacked.bytes, images=unpacked.images)

    def remove(self, user: str, name: str) -> None:
        """Delete a data set of a user.

        Raises:
            NotFoundError: if there is none.
        """
        if name not in self.of(user):
            raise NotFoundError("There is no such data set of yours: expected the name of one that you sent.")
        home = self.folder / user
        gone = home / f"{_DRAFT}{uuid.uuid4().hex}"
        (home / name).rename(gone)  # it is there as a whole or not at all, whenever this is cut short
        shutil.rmtree(gone)

    def sweep(self) -> None:
        """Delete what servers that were killed have left of archives."""
        for draft in self.folder.glob(f"*/{_DRAFT}*"):
            if time.time() - draft.stat().st_mtime > _DRAFT_S:
                shutil.rmtree(draft, ignore_errors=True)

    def remove_all(self, user: str) -> None:
        """Delete all data sets of a user, drafts included."""
        _removed(self.folder / user)


def _removed(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _root(folder: Path) -> Path | None:
    """Return the folder of the classes: archives often hold one folder around them. None if it has gone."""
    try:
        inside = list(folder.iterdir())
        if len(inside) == 1 and inside[0].is_dir() and any(one.is_dir() for one in inside[0].iterdir()):
            return _root(inside[0])
    except FileNotFoundError:
        return None
    return folder


def _upload(name: str, path: Path) -> Upload:
    sizes = []
    for file in path.rglob("*"):
        with suppress(FileNotFoundError):  # it is being deleted
            found = file.stat()
            if stat.S_ISREG(found.st_mode):
                sizes.append(found.st_size)
    return Upload(name=name, path=path, bytes=sum(sizes), images=len(sizes))


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"You have a data set '{name}' already: expected a new name. Delete it first, or choose another."
    )
