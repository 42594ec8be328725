"""Paths that were typed."""

from pathlib import Path

from search_spaces.errors import InvalidValueError
from search_spaces.paths import expanded
from trials.datasets import DATASETS


def location_of(data: str) -> str:
    """Return what a worker in any folder finds the images by: an absolute path, or a name as it is.

    Raises:
        InvalidValueError: if the text can be no path.
    """
    return data if data in DATASETS or ":" in data else str(absolute_path(data, "--data"))


def absolute_path(text: str, option: str) -> Path:
    """Return an absolute path.

    Args:
        text: What was given.
        option: Where it was given, for the error.

    Raises:
        InvalidValueError: if the text cannot be one.
    """
    if "://" in text:
        raise InvalidValueError(
            f"Cannot use {option} '{text.partition('://')[0]}://...': a URL is not read. Expected the path "
            f"of a file or folder; on a cluster, of one that all nodes share."
        )
    path = expanded(text, option)
    try:
        path = path.resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidValueError(
            f"Cannot use {option} '{text[:80]}': {error}. Expected the path of a file or folder."
        ) from error
    return path
