"""Writes here what a command has written on a service, whole or not at all, and names it as it lies here."""

import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nas.files.staging import output_file, output_folder, staged_file, staged_folder
from search_spaces.errors import InvalidValueError
from search_spaces.paths import expanded

_DOING: Final = {
    "export": "export to",
    "explain": "write the explanation to",
    "report": "write the report to",
    "scale": "write the family to",
}
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"(?:\s*:)?')  # that of a key with its colon


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command writes on this machine.

    Attributes:
        path: Absolute path of the file or folder; None for its own name in the working folder.
        shown: The path as the command prints it here.
        name: Name of the file or folder.
        doing: What the command does, for messages.
    """

    path: Path | None
    shown: Path | None
    name: str | None
    doing: str

    @classmethod
    def of(cls, command: str, given: Mapping[str, Any]) -> "Place":
        """Return where a command writes, after checking that it can.

        Args:
            command: Name of the command.
            given: Its options, with ``to`` if that was typed.

        Raises:
            UserError: if nothing can be written there, or an export names no new folder.
        """
        to, doing = given.get("to"), _DOING.get(command, "write to")
        if to is None:
            if command == "export":
                raise InvalidValueError(
                    "No folder to write to: expected --to with a new folder, such as my_net."
                )
            return cls(None, None, None, doing)
        is_file = command == "report" and given.get("format") != "png"
        path = output_file(to, doing) if is_file else output_folder(to, doing)
        if command == "export" and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InvalidValueError(f"Cannot export to '{to}': it is not empty. Expected a new folder.")
        typed = expanded(to)
        name = path.name if typed.name in {"", ".."} else typed.name
        return cls(path, path if command == "export" else typed, name, doing)


def written(archive: Path, place: Place) -> dict[str, str]:
    """Write the files of an archive, and return what a command prints here for the name of each.

    Args:
        archive: Zip archive of one file, or of the files in one folder.
        place: Where they are to lie.

    Raises:
        InvalidValueError: if it has anything else.
        ExportError: if they cannot be written; nothing is left behind.
    """
    with zipfile.ZipFile(archive) as packed:
        names = packed.namelist()
        top = _only_top(names)
        path = Path(top).resolve() if place.path is None else place.path
        shown = Path(top) if place.shown is None else place.shown
        with _staged(path, place.doing, is_file=names == [top]) as draft:
            for name in names:
                target = draft.joinpath(*PurePosixPath(name).parts[1:])
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(name) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
    return {name: str(shown.joinpath(*PurePosixPath(name).parts[1:])) for name in names}


def fetched(client: Any, sha256: str, place: Place) -> dict[str, str]:
    """Write the files of an answer, and return what a command prints here for the name of each.

    Args:
        client: The service.
        sha256: Hash of their archive.
        place: Where they are to lie.
    """
    with tempfile.TemporaryDirectory(prefix="nas-remote-") as scratch:
        return written(client.archive(sha256, to=Path(scratch) / "files.zip"), place)


def with_places(output: str, places: Mapping[str, str]) -> str:
    """Return output in which whole lines and JSON texts that name a file name it as it lies here.

    Args:
        output: What a command printed.
        places: What stands here for the name of each file.
    """
    if output.startswith("{"):
        known = {json.dumps(name): json.dumps(here) for name, here in places.items()}
        return _TEXT.sub(lambda found: known.get(found[0], found[0]), output)
    return "\n".join(places.get(line, line) for line in output.split("\n"))


def _only_top(names: Sequence[str]) -> str:
    tops = {PurePosixPath(name).parts[:1] for name in names}
    if len(tops) != 1 or any(PurePosixPath(name).is_absolute() or ".." in name.split("/") for name in names):
        raise InvalidValueError(
            f"The server sent the files '{', '.join(names)[:200]}': expected one file, or those of one "
            f"folder. Check the address."
        )
    return str(PurePosixPath(names[0]).parts[0])


def _staged(path: Path, doing: str, *, is_file: bool) -> AbstractContextManager[Path]:
    return staged_file(path, doing) if is_file else staged_folder(path, doing)
