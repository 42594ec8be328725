"""Converts users' arrays of images and labels to uint8 pixels and int64 labels, and checks them."""

from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from search_spaces.errors import DataError


def as_pixels(values: Any, where: str) -> UInt8[np.ndarray, "n h w c"]:
    """Return images as uint8 [n, h, w, c].

    Bytes are kept; booleans and floats in [0, 1] are scaled to 255; wider integers in [0, 255] are
    kept, others are scaled by their largest value. Channels may precede or follow height and width.

    Args:
        values: Images [n, h, w], [n, h, w, c] or [n, c, h, w] with c in 1, 3.
        where: Name of the images in messages.

    Raises:
        DataError: if the shape or the values cannot be those of images.
    """
    images = np.asarray(values)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim == 4 and images.shape[3] not in {1, 3} and images.shape[1] in {1, 3}:
        images = images.transpose(0, 2, 3, 1)
    if images.ndim != 4 or images.shape[3] not in {1, 3} or 0 in images.shape:
        raise DataError(
            f"The images of {where} have shape {list(np.shape(values))}: expected [n, h, w], "
            f"[n, h, w, c] or [n, c, h, w] with 1 or 3 channels."
        )
    return np.ascontiguousarray(_as_bytes(images, where))


def as_labels(values: Any, where: str) -> Int64[np.ndarray, " n"]:
    """Return labels as int64 [n].

    Raises:
        DataError: if they are not a vector of integers.
    """
    labels = np.asarray(values)
    if labels.ndim == 2 and 1 in labels.shape:
        labels = labels.reshape(-1)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"The labels of {where} are {labels.dtype} {list(labels.shape)}: expected integers [n], from 0."
        )
    return labels.astype(np.int64)


def _as_bytes(images: Any, where: str) -> Any:
    if images.dtype == np.uint8:
        return images
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    low, high = float(images.min()), float(images.max())
    if np.issubdtype(images.dtype, np.floating) and low >= 0 and high <= 1:
        return np.rint(images * 255).astype(np.uint8)
    if np.issubdtype(images.dtype, np.integer) and low >= 0:
        return np.rint(images * (255.0 / max(high, 255.0))).astype(np.uint8)
    raise DataError(
        f"The pixels of {where} are {images.dtype} from {low:g} to {high:g}: expected uint8, "
        f"floats in [0, 1] or integers from 0."
    )
