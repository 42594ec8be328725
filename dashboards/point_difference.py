"""Data class of a difference of two values in points, with its interval."""

from dataclasses import dataclass
from math import isnan


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of two values in [0, 1].

    Attributes:
        value: First less second value.
        low: Lower end of the 95 % interval; nan if an error of the two is unknown.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it in points with its interval if known, for example ``-12.50 [-32.46, +9.13]``."""
        points = f"{100 * self.value:+.2f}"
        return points if isnan(self.low) else f"{points} [{100 * self.low:+.2f}, {100 * self.high:+.2f}]"
