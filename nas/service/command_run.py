"""Runs a command for a user at once, in a process and a folder of its own, and keeps what it writes."""

import hashlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nas.service.command_options import CommandOptions
from nas.service.command_process import LIMIT_S, refused, run_process
from nas.service.command_words import words_of
from nas.service.uploads import GIB
from nas.service.user_files import exports_of
from nas.storage.secrets import without_password
from trials.target_names import TARGETS_FILE

KEPT: Final = 20
"""Archives of a user that are kept."""
KEPT_BYTES: Final = 2 * GIB
"""Bytes of a user's archives that are kept; the latest always is."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_FINISHED: Final = "nas.service.finished_search"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command printed and wrote.

    Attributes:
        output: What it printed as its result.
        messages: What it said beside it.
        sha256: Hash of the zip archive of the files that it wrote; None if there are none.
    """

    output: str
    messages: str
    sha256: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {"output": self.output, "messages": self.messages, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where the commands of a user run.

    Attributes:
        url: URL of the database.
        user: The user, whose studies alone they see.
        storage_path: Folder of checkpoints, weights and logs.
    """

    url: str
    user: str
    storage_path: Path

    @property
    def archives(self) -> Path:
        """The folder of what commands of the user have written."""
        return exports_of(self.storage_path, self.user)

    def environment(self, options: CommandOptions) -> dict[str, str]:
        """Return the environment of a command."""
        left = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "NAS_SERVER", "NAS_TOKEN"}
        own = {"NAS_STORAGE": self.url, "NAS_STUDIES_OF": self.user, **terminal_of(options)}
        return {**{name: value for name, value in os.environ.items() if name not in left}, **own}

    def hidden(self, text: str, folder: Path) -> str:
        """Return a text without places of the server.

        Args:
            text: What a command printed.
            folder: Folder in which it ran.
        """
        places = {without_password(self.url): "the service", self.url: "the service"}
        places |= {f"{folder}/": "", f"{self.storage_path}/": "", str(self.storage_path): "the service"}
        for place, name in places.items():
            text = text.replace(place, name)
        return text


def terminal_of(options: CommandOptions) -> dict[str, str]:
    """Return the variables by which a command prints as on the terminal of who asks."""
    if options.width is None:
        return {}
    columns = {"COLUMNS": str(options.width), "FORCE_COLOR": "1"}
    return {**columns, "TERM": "xterm-256color"} if options.color else {**columns, "NO_COLOR": "1"}


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder, which is removed after the block."""
    with tempfile.TemporaryDirectory(prefix="nas-service-") as folder:
        yield Path(folder)


def run_command(desk: Desk, command: str, options: CommandOptions) -> Answer:
    """Run a command and return what it printed.

    Args:
        desk: Where it runs.
        command: Its name.
        options: Its options, checked.

    Raises:
        RefusedError: with the line of the command, if it says that the input cannot be used.
        TooManyError: if too many run already.
    """
    with scratch_folder() as made:
        folder = made.resolve()
        module, words = "nas", words_of(command, options, folder)
        if command == "search":
            module, words = _FINISHED, words[1:]
        sent = {path.name for path in folder.iterdir()}
        copy_targets(folder)
        environment = desk.environment(options)
        ended = run_process(module, words, folder=folder, environment=environment, caller=desk.user)
        if ended.returncode in {2, 3}:
            raise refused(desk.hidden(ended.stderr, folder), ended.returncode)
        if ended.returncode:
            raise RuntimeError(f"nas {command} ended with {ended.returncode}: {ended.stderr[-2000:]}")
        written = [path for path in folder.iterdir() if path.name not in {*sent, TARGETS_FILE.name}]
        return Answer(
            output=desk.hidden(ended.stdout, folder),
            messages=desk.hidden(ended.stderr, folder),
            sha256=_kept(written, folder, desk.archives) if written else None,
        )


def copy_targets(folder: Path) -> None:
    """Copy the targets that the server knows by name into the folder of a command."""
    if TARGETS_FILE.is_file():
        shutil.copy(TARGETS_FILE, folder / TARGETS_FILE.name)


def _kept(written: list[Path], folder: Path, archives: Path) -> str:
    """Return the hash of an archive of files, which is kept under it."""
    archives.mkdir(parents=True, exist_ok=True)
    draft = folder / ".archive"
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as packed:
        for top in sorted(written):
            files = [top] if top.is_file() else [one for one in sorted(top.rglob("*")) if one.is_file()]
            for file in files:
                entry = zipfile.ZipInfo(str(file.relative_to(folder)), _EPOCH)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                with file.open("rb") as opened, packed.open(entry, "w") as target:
                    shutil.copyfileobj(opened, target)
    with draft.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    part = archives / f".{folder.name}.part"
    shutil.copyfile(draft, part)
    part.replace(archives / f"{digest}.zip")
    _forget_old(archives)
    return digest


def _forget_old(archives: Path) -> None:
    """Delete all archives but the latest, and what servers that were killed have left of others."""
    for status, part in _by_age(archives, ".*.part"):
        if time.time() - status.st_mtime > LIMIT_S:
            part.unlink(missing_ok=True)
    kept_bytes = 0
    for place, (status, file) in enumerate(_by_age(archives, "*.zip")):
        kept_bytes += status.st_size
        if place and (place >= KEPT or kept_bytes > KEPT_BYTES):
            file.unlink(missing_ok=True)


def _by_age(archives: Path, pattern: str) -> list[tuple[os.stat_result, Path]]:
    """Return the files of a pattern, latest first; other commands of the user delete some meanwhile."""
    found = []
    for file in archives.glob(pattern):
        with suppress(FileNotFoundError):
            found.append((file.stat(), file))
    return sorted(found, key=lambda one: -one[0].st_mtime)
