"""Expands ``~`` and ``~user`` in paths that people type, finds what exists of them, makes names printable."""

from pathlib import Path

from search_spaces.errors import InvalidValueError


def expanded(path: str | Path, what: str = "the path") -> Path:
    """Return a path with the home folder that a leading ``~`` or ``~user`` stands for.

    Args:
        path: The typed path.
        what: Words for the path in the error message.

    Raises:
        InvalidValueError: if there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = Path(path).parts[0]
        raise InvalidValueError(
            f"Cannot use {what} '{path}': expected a user's home folder in '{user}', and there is no such "
            f"user. Type the folder itself, or './{user}' for a file of that name."
        ) from error


def nearest_existing(path: Path) -> Path:
    """Return a path, or the nearest folder above it that exists.

    Args:
        path: Absolute path.
    """
    return next(place for place in (path, *path.parents) if place.exists())


def printable(name: str) -> str:
    r"""Return a file name as text that can be written: bytes that are no UTF-8 are escaped, ``\xe9``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
