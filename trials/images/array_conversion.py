"""Converts users' arrays of images and labels to uint8 pixels and int64 labels, and checks them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from search_spaces.errors import DataError
from trials.images.pixel_values import EXPECTED, ValueRange, as_bytes, brightest, darkened


def as_pixels(values: Any, where: str) -> UInt8[np.ndarray, "n h w c"]:
    """Return the images of one array as uint8, see `all_as_pixels`."""
    return all_as_pixels({where: values})[where]


def all_as_pixels(arrays: Mapping[str, Any]) -> dict[str, UInt8[np.ndarray, "n h w c"]]:
    """Return the images of the arrays of one data set as uint8 [n, h, w, c].

    Bytes are kept, booleans become 0 and 255, and other numbers are scaled together, as
    `trials.images.pixel_values` says. Channels may precede or follow height and width.

    Args:
        arrays: Images [n, h, w], [n, h, w, c] or [n, c, h, w] with c in 1, 3, by their names in messages.

    Raises:
        DataError: if the shapes or the values cannot be those of images.
    """
    images = {where: _in_order(values, where) for where, values in arrays.items()}
    ranges = {
        where: ValueRange.of(values)
        for where, values in images.items()
        if values.dtype not in {np.dtype(np.uint8), np.dtype(np.bool_)}
    }
    for where, found in ranges.items():
        if found.problem is not None:
            raise DataError(
                f"The pixels of {where} are {images[where].dtype} from {found.low:g} to {found.high:g}: "
                f"expected {EXPECTED}."
            )
    ceilings = {kind: _ceiling(kind, ranges) for kind in (True, False)}
    return {
        where: np.ascontiguousarray(_as_bytes(values, ceilings[np.issubdtype(values.dtype, np.floating)]))
        for where, values in images.items()
    }


def as_labels(values: Any, where: str) -> Int64[np.ndarray, " n"]:
    """Return labels as int64 [n].

    Raises:
        DataError: if they are not a vector of integers.
    """
    labels = _array(values, where)
    if labels.ndim == 2 and 1 in labels.shape:
        labels = labels.reshape(-1)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"The labels of {where} are {labels.dtype} {list(labels.shape)}: expected integers [n], from 0."
        )
    if labels.dtype == np.uint64 and labels.size and labels.max() > np.iinfo(np.int64).max:
        raise DataError(
            f"The labels of {where} reach {labels.max()}: expected less than 2**63. Renumber them."
        )
    return labels.astype(np.int64)


def _array(values: Any, where: str) -> Any:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"Cannot make an array of {where}: {error}. Expected numbers, and images of one size."
        ) from error


def _in_order(values: Any, where: str) -> Any:
    images = _array(values, where)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim == 4 and images.shape[3] not in {1, 3} and images.shape[1] in {1, 3}:
        images = images.transpose(0, 2, 3, 1)
    if images.ndim != 4 or images.shape[3] not in {1, 3} or 0 in images.shape:
        raise DataError(
            f"The images of {where} have shape {list(np.shape(images))}: expected [n, h, w], "
            f"[n, h, w, c] or [n, c, h, w] with 1 or 3 channels."
        )
    if images.dtype.kind not in "biuf":
        raise DataError(f"The pixels of {where} are {images.dtype}: expected {EXPECTED}. Convert them.")
    return images


def _ceiling(is_float: bool, ranges: Mapping[str, ValueRange]) -> float:
    of_kind = {where: found for where, found in ranges.items() if found.is_float == is_float}
    ceiling = brightest(list(of_kind.values()))
    if of_kind and darkened(list(of_kind.values()), ceiling):
        where = max(of_kind, key=lambda name: of_kind[name].high)
        raise DataError(
            f"The pixels of {where} reach {ceiling:g} where a typical one is {of_kind[where].typical:g}: "
            f"expected no marks for missing values among them. Replace these."
        )
    return ceiling


def _as_bytes(images: Any, ceiling: float) -> Any:
    if images.dtype == np.uint8:
        return images
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    return as_bytes(images, ceiling)
