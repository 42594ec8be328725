"""Says what stored pixel values mean, in image files and in arrays alike, or that they mean nothing known.

Bytes are kept. Floats up to 1 are scaled by 255; higher ones by the largest value of the data set. Wider
integers up to 255 are kept; higher ones are scaled by the largest value. Values below 0 and values that are
no numbers have no meaning that all files share: images with them are refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Shaped, UInt8

SIXTEEN_BITS: Final = 65_535
EXPECTED: Final = "uint8, floats from 0 or integers from 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRange:
    """The values of some pixels.

    Attributes:
        low: Lowest value; NaN if any is.
        high: Highest value.
        typical: Median value; the highest where that is within 16 bits.
        is_float: Whether they are floating-point numbers.
    """

    low: float
    high: float
    typical: float
    is_float: bool

    @classmethod
    def of(cls, values: Shaped[np.ndarray, "..."]) -> "ValueRange":
        """Return the range of an array with at least one value."""
        high = float(values.max())
        return cls(
            low=float(values.min()),
            high=high,
            typical=float(np.median(values)) if high > SIXTEEN_BITS else high,
            is_float=bool(np.issubdtype(values.dtype, np.floating)),
        )

    @property
    def problem(self) -> str | None:
        """What is wrong with the values, in words; None if they have a meaning."""
        if not np.isfinite(self.low) or not np.isfinite(self.high):
            return "values that are no numbers"
        return "values below 0" if self.low < 0 else None


def brightest(ranges: Sequence[ValueRange]) -> float:
    """Return the value that becomes 255, for ranges of one kind, integers or floats, without problems."""
    high = max((found.high for found in ranges), default=0.0)
    if ranges and ranges[0].is_float:
        return 1.0 if high <= 1 else high
    return max(high, 255.0)


def darkened(ranges: Sequence[ValueRange], ceiling: float) -> bool:
    """Return whether so high a `ceiling`, perhaps a mark for "no data", makes a typical image black."""
    typical = float(np.median([found.typical for found in ranges]))
    return ceiling > SIXTEEN_BITS and typical * 255 < ceiling


def outliers(ranges: Sequence[ValueRange]) -> list[int]:
    """Return which images reach so far above the others and above 16 bits that the others would be black."""
    usual = float(np.median([found.high for found in ranges])) if ranges else 0.0
    return [
        index
        for index, found in enumerate(ranges)
        if found.high > SIXTEEN_BITS and found.high > 255 * max(usual, 1.0)
    ]


def as_bytes(values: Shaped[np.ndarray, "..."], ceiling: float) -> UInt8[np.ndarray, "..."]:
    """Return values from 0 as bytes, such that `ceiling` becomes 255."""
    wide = values if ceiling == 1 else values.astype(np.float64)
    scaled: Any = np.rint(wide * (255.0 / ceiling))
    return np.clip(scaled, 0, 255).astype(np.uint8)
