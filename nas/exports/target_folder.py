"""Checks that an export may be put into a folder: it can be written, and holds nothing that must stay."""

from collections.abc import Sequence
from pathlib import Path

from nas.files.staging import check_writable, is_stage
from search_spaces.errors import ExportError


def check_folder(folder: Path, files: Sequence[str], *, into: bool, force: bool) -> None:
    """Check that files may be put into a folder.

    Args:
        folder: Target folder, which may be missing.
        files: Names of the files.
        into: Whether the folder may hold other files.
        force: Whether files of the same names may be replaced.

    Raises:
        ExportError: if the target is not a folder, cannot be written, or holds files that must stay.
    """
    try:
        check_writable(folder if folder.exists() else folder.parent)
    except OSError as error:
        raise ExportError(f"Cannot export to '{folder}': {error.strerror}. Choose another folder.") from error
    there = sorted(p for p in folder.iterdir() if not is_stage(p)) if folder.is_dir() else []
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
