"""The error for a folder of a study that this user cannot write."""

from pathlib import Path

from search_spaces.errors import FilesError, reason_of


def unwritable(file: Path, error: OSError) -> FilesError:
    """Return the error for a file in a study's folder that cannot be made or written."""
    return FilesError(
        f"Cannot write '{file}': {reason_of(error)}. Expected a folder of the study that this user can "
        f"write. Make '{file.parent}' and what is in it writable."
    )
