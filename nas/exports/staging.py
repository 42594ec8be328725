"""Writes an export atomically: into a temporary folder beside the target, then moved into place."""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from search_spaces.errors import ExportError


def check_folder(folder: Path, files: Sequence[str], *, into: bool, force: bool) -> None:
    """Check that files may be put into a folder.

    Args:
        folder: Target folder, which may be missing.
        files: Names of the files.
        into: Whether the folder may hold other files.
        force: Whether files of the same names may be replaced.

    Raises:
        ExportError: if the target is not a folder, or holds files that must stay.
    """
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        raise ExportError(f"Cannot export to '{folder}': '{nearest}' is a file, expected a folder.")
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in there:
        if path.name in files and path.is_dir():
            raise ExportError(
                f"Cannot export to '{folder}': '{path.name}' is a folder there, expected a file."
            )
    in_the_way = [] if force else [path.name for path in there if not into or path.name in files]
    if in_the_way:
        more = f" and {len(in_the_way) - 1} more" if len(in_the_way) > 1 else ""
        expected = "none of the files to be written" if into else "an empty folder"
        raise ExportError(
            f"Cannot export to '{folder}': it holds '{in_the_way[0]}'{more}, expected {expected}. Choose "
            f"another folder, or replace the files of an earlier export with --force."
        )


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder whose files are moved into `folder` at the end, if nothing fails.

    Raises:
        ExportError: if the disk is full or the folder cannot be written; nothing is left behind.
    """
    occupied = folder.is_dir() and any(folder.iterdir())
    parent = folder if occupied else folder.parent
    made = [p for p in (parent, *parent.parents) if not p.exists()]
    stage = parent / f".{folder.name}.{uuid.uuid4().hex[:8]}"
    done = False
    try:
        parent.mkdir(parents=True, exist_ok=True)
        stage.mkdir()
        yield stage
        _move(stage, folder, occupied=occupied)
        done = True
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ExportError(
            f"Cannot export to '{folder}': {reason}. Nothing was written. Free disk space or choose "
            f"another folder."
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        for empty in made if not done else []:
            if empty.is_dir():
                empty.rmdir()


def _move(stage: Path, folder: Path, *, occupied: bool) -> None:
    if not occupied:
        stage.rename(folder)  # also onto an empty folder
        return
    for path in sorted(stage.iterdir()):
        path.replace(folder / path.name)
