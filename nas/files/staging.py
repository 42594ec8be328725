"""Writes files and folders whole: as drafts beside their place, then renamed; a failure leaves nothing."""

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from search_spaces.errors import ExportError
from search_spaces.paths import expanded, nearest_existing

_WRITERS = (OSError, SafetensorError)  # what writers raise where there is no room, or no right to write


def output_file(path: str | Path, doing: str) -> Path:
    """Return the absolute path of a file that is to be written, after checking that it can be.

    Args:
        path: The file as it was typed.
        doing: What is done, for the message: ``write the report to``.

    Raises:
        ExportError: if it is a folder, or lies where nothing can be written.
    """
    file = expanded(path).resolve()
    if file.is_dir():
        raise ExportError(f"Cannot {doing} '{path}': it is a folder, expected a file. Name one in it.")
    with _explained(doing, file):
        if not _in_place(file):
            check_writable(file.parent)
    return file


def output_folder(path: str | Path, doing: str) -> Path:
    """Return the absolute path of a folder that is to be written to, after checking that it can be.

    Args:
        path: The folder as it was typed.
        doing: What is done, for the message.

    Raises:
        ExportError: if it is a file, or lies where nothing can be written.
    """
    folder = expanded(path).resolve()
    with _explained(doing, folder):
        check_writable(folder)
    return folder


def check_writable(folder: Path) -> None:
    """Check that files can be written to a folder, which may be missing; nothing is created.

    Raises:
        OSError: if it cannot be, with the reason.
    """
    there = nearest_existing(folder)
    if not there.is_dir():
        raise NotADirectoryError(20, f"'{there}' is a file, expected a folder", str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(13, f"'{there}' cannot be written", str(there))


@contextmanager
def staged_file(file: Path, doing: str) -> Iterator[Path]:
    """Yield the path of a draft, which takes the place of a file at the end, if nothing fails.

    Args:
        file: Absolute path of the file; the folders above it are created.
        doing: What is done, for the message: ``write the report to``.

    Raises:
        ExportError: if it cannot be written; it is then as it was before.
    """
    made = _missing(file.parent)
    draft = file if _in_place(file) else file.with_name(f".{uuid.uuid4().hex[:8]}{file.suffix}")
    done = False
    try:
        with _explained(doing, file):
            file.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            if draft != file:
                if file.exists():
                    shutil.copymode(file, draft)
                draft.replace(file)
        done = True
    finally:
        if draft != file:
            draft.unlink(missing_ok=True)
        _remove_empty(made if not done else [])


@contextmanager
def staged_folder(folder: Path, doing: str) -> Iterator[Path]:
    """Yield a temporary folder whose files are moved into `folder` at the end, if nothing fails.

    It lies in `folder` where that exists, which may be the only place that can be written, and else beside
    it. A kill leaves it behind, under a hidden name.

    Args:
        folder: Absolute path of the folder; it and those above it are created.
        doing: What is done, for the message.

    Raises:
        ExportError: if it cannot be written; nothing is left behind.
    """
    inside = folder.is_dir()
    parent = folder if inside else folder.parent
    made = _missing(parent)
    stage = parent / f".{folder.name}.{uuid.uuid4().hex[:8]}"
    done = False
    try:
        with _explained(doing, folder):
            parent.mkdir(parents=True, exist_ok=True)
            stage.mkdir()
            yield stage
            _move(stage, folder, inside=inside)
        done = True
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        _remove_empty(made if not done else [])


def is_stage(path: Path) -> bool:
    """Return whether a path in a folder is what `staged_folder` left there when it was killed."""
    return re.fullmatch(rf"\.{re.escape(path.parent.name)}\.[0-9a-f]{{8}}", path.name) is not None


@contextmanager
def _explained(doing: str, path: Path) -> Iterator[None]:
    """Turn errors of writers into one line.

    Raises:
        ExportError: in place of them.
    """
    try:
        yield
    except _WRITERS as error:
        reason = getattr(error, "strerror", None) or error
        raise ExportError(
            f"Cannot {doing} '{path}': {reason}. Nothing was written. Free disk space or choose "
            f"another folder."
        ) from error


def _in_place(file: Path) -> bool:
    """Return whether a file is written where it is: a device, or a file in a folder that others own."""
    return file.exists() and not (file.is_file() and os.access(file.parent, os.W_OK))


def _missing(folder: Path) -> list[Path]:
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _move(stage: Path, folder: Path, *, inside: bool) -> None:
    if not inside:
        stage.rename(folder)  # also onto an empty folder
        return
    # By its JSON files, architecture.json above all, a folder is taken for an export: they come last, so that
    # a kill in between leaves none that looks finished.
    paths = sorted(sorted(stage.iterdir(), reverse=True), key=lambda path: path.suffix == ".json")
    for path in paths:  # before anything is replaced
        there = folder / path.name
        if there.is_dir() and (not path.is_dir() or any(there.iterdir())):
            raise OSError(errno.ENOTEMPTY, f"there is a folder '{path.name}' with something in it")
    for path in paths:
        path.replace(folder / path.name)
