"""Turns paths from the command line into absolute ones: of images (``--data``), folders and files."""

from pathlib import Path

from search_spaces.errors import InvalidValueError, reason_of
from search_spaces.paths import expanded
from trials.datasets import DATASETS
from trials.images.data_location import DataLocation


def location_of(data: str) -> str:
    """Return a text by which a worker in any folder finds the images: an absolute path, or the given name.

    A choice of columns stays behind the path.

    Raises:
        DataError: if the columns are chosen in another way than `DataLocation.parse` reads.
        InvalidValueError: if the text cannot be a path.
    """
    if "://" in data:
        absolute_path(data, "--data")  # raises, without what may be a password
    location = DataLocation.parse(data)
    is_module = ":" in location.place and not location.is_there
    if location.place in DATASETS or is_module:
        return data
    return f"{absolute_path(location.place, '--data')}{location.query}"


def absolute_path(text: str, option: str) -> Path:
    """Return an absolute path.

    Args:
        text: Path as given.
        option: Name of the option, for the error message.

    Raises:
        InvalidValueError: if the text cannot be one.
    """
    if "://" in text:
        raise InvalidValueError(
            f"Cannot use {option} '{text.partition('://')[0]}://...': URLs are not supported here. Expected "
            f"the path of a file or folder; on a cluster, of one that all nodes share."
        )
    path = expanded(text, option)
    try:
        path = path.resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidValueError(
            f"Cannot use {option} '{text[:80]}': {reason_of(error)}. Expected the path of a file or folder."
        ) from error
    return path
