"""Checks the names in an archive: where they lead, what they hide, and whether they name images."""

from pathlib import PurePosixPath
from typing import Final

from nas.service.refusals import RefusedError
from trials.images.folder_rules import SUFFIXES, is_hidden

MOST_ENTRIES: Final = 200_000
_LONGEST_PART: Final = 200  # bytes; file systems take 255
_LONGEST: Final = 1000  # bytes
_DEEPEST: Final = 8


class Names:
    """The names of one archive, each checked once."""

    def __init__(self) -> None:
        self._files: set[tuple[str, ...]] = set()
        self._folders: set[tuple[str, ...]] = set()
        self._count = 0

    def checked(self, name: str, *, folder: bool) -> tuple[str, ...]:
        """Return the parts of a name's path; none for the folder of the archive itself, as tar writes it.

        Args:
            name: Name as the archive has it.
            folder: Whether it is one of a folder.

        Raises:
            RefusedError: if it cannot be taken.
        """
        self._count += 1
        if self._count > MOST_ENTRIES:
            raise RefusedError(f"This archive has too many entries: expected at most {MOST_ENTRIES}.")
        parts = _parts(name)
        if not parts and folder:
            return parts
        if not parts:
            raise RefusedError(f"Cannot take {self.shown(name)}: expected a file with a name.")
        if not folder and PurePosixPath(parts[-1]).suffix.lower() not in SUFFIXES:
            raise RefusedError(
                f"Cannot take {self.shown(name)}: it is no image. Expected an archive of images alone, in "
                f"one folder for each class."
            )
        self._keep(tuple(part.casefold() for part in parts), name, folder=folder)
        return parts

    @staticmethod
    def shown(name: str) -> str:
        """Return a name as an error shows it."""
        return ascii(name if len(name) <= 80 else f"{name[:80]}...")

    def _keep(self, key: tuple[str, ...], name: str, *, folder: bool) -> None:
        """Keep a name, which no other may have: file systems differ in what they take for the same."""
        parents = {key[:length] for length in range(1, len(key))} | ({key} if folder else set())
        if parents & self._files or (not folder and key in self._files | self._folders):
            raise RefusedError(f"Cannot take {self.shown(name)}: the archive has this name twice.")
        self._folders |= parents
        if not folder:
            self._files.add(key)


def _parts(name: str) -> tuple[str, ...]:
    shown = Names.shown(name)
    if not name.isprintable() or "\\" in name or ":" in name or name.startswith("/"):
        raise RefusedError(
            f"Cannot take {shown}: expected a path within the archive, of printable characters."
        )
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if ".." in parts:
        raise RefusedError(f"Cannot take {shown}: it leads out of the archive. Expected a path within it.")
    if any(is_hidden(part, folder=folder) for part in parts for folder in (True, False)):
        raise RefusedError(
            f"Cannot take {shown}: it is hidden. Expected images alone; leave such files out of the archive."
        )
    lengths = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    if len(parts) > _DEEPEST or max(lengths, default=0) > _LONGEST_PART or sum(lengths) > _LONGEST:
        raise RefusedError(
            f"Cannot take {shown}: expected at most {_DEEPEST} folders and {_LONGEST_PART} bytes for each "
            f"name."
        )
    return parts
