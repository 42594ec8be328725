"""Mean and standard deviation of each channel of decoded images, in little memory.

The sums are those of numpy over `CHUNK` images at once, to the last bit, though so many floats never lie in
memory: studies store mean and standard deviation, and networks are trained with them.
"""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from search_spaces.errors import DataError

CHUNK: Final = 4_096
"""Images whose values are added up before they are added to those of the images before."""
_ROUNDED: Final = 1e-6  # a deviation that may be an error of rounding
_PIECE_BYTES: Final = 16 * 2**20  # of the values that are floats at once


def channel_statistics(
    images: UInt8[np.ndarray, "n h w c"],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean of each channel, in [0, 1], and its standard deviation, in (0, 1].

    A channel that is constant beside others, as in fluorescence images, has 1 for its standard deviation: its
    values are 0 once they are normalised.

    Args:
        images: Pixels, 0 to 255.

    Raises:
        DataError: if all channels are constant.
    """
    channels = images.shape[3]
    sums = np.zeros((2, channels))  # of values and of their squares
    for start in range(0, len(images), CHUNK):
        pixels = images[start : start + CHUNK].reshape(-1, channels)
        sums += _sums(pixels) if channels > 1 else _pairwise_sums(pixels)
    mean, square = sums / (images.size / channels)
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    constant = _constant(images) if std.min() < _ROUNDED else np.zeros(channels, dtype=bool)
    if constant.all():
        raise DataError("All training images are of one colour. Check how the pixels were scaled.")
    return tuple(mean.tolist()), tuple(np.where(constant, 1.0, std).tolist())


def _constant(images: UInt8[np.ndarray, "n h w c"]) -> Bool[np.ndarray, " c"]:
    """Return which channels have one value in all pixels."""
    return (images == images[:1, :1, :1]).all(axis=(0, 1, 2))


def _sums(pixels: UInt8[np.ndarray, "n c"]) -> Float64[np.ndarray, "2 c"]:
    """Return the sums of values and squares, added row by row as numpy does along the first axis."""
    sums = np.zeros((2, pixels.shape[1]))
    rows = max(1, _PIECE_BYTES // (8 * pixels.shape[1]))
    for start in range(0, len(pixels), rows):
        values = pixels[start : start + rows].astype(np.float64)
        values /= 255.0
        squares = np.square(values)
        for sum_before, terms in zip(sums, (values, squares), strict=True):
            terms[0] += sum_before
            sum_before[:] = terms.sum(0)
    return sums


def _pairwise_sums(pixels: UInt8[np.ndarray, "n 1"]) -> Float64[np.ndarray, "2 1"]:
    """Return the sums of values and squares of one channel, halved as numpy's pairwise summation does."""
    if 8 * len(pixels) > max(_PIECE_BYTES, 1024):
        half = len(pixels) // 2
        half -= half % 8  # it adds eight at once
        return _pairwise_sums(pixels[:half]) + _pairwise_sums(pixels[half:])
    values = pixels.astype(np.float64)
    values /= 255.0
    return np.stack([values.sum(0), np.square(values).sum(0)])
