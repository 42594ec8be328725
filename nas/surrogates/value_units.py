"""Units in which the surrogate reads values and evidence."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_TRUSTED: Final = (0.5, 0.2)
"""Expected trust in all sources of the value together, and in all counts: standard deviations of the observed
values for one of what they expect.
"""

_SPREAD: Final = 1.0  # number of points that the spread of the evidence over the whole region counts as


@dataclass(frozen=True)
class Units:
    """Centres and scales values for the process, and centres the evidence.

    Attributes:
        mean: Mean of the values.
        scale: Value that the process counts as 1.
        centre: Mean of the evidence of the observed points, ``[s]``; None without sources.
        spread: Its standard deviation, in which that over the region counts as `_SPREAD` more points.
    """

    mean: float
    scale: float
    centre: NDArray[np.float64] | None
    spread: NDArray[np.float64] | None

    @classmethod
    def of(cls, values: NDArray[np.float64], evidence: NDArray[np.float64] | None) -> "Units":
        """Return the units of observed values, and of the evidence on their points, ``[n, s]``."""
        mean, scale = float(values.mean()), float(values.std())
        scale = scale if scale > 1e-12 * (1 + abs(mean)) else 1.0
        if evidence is None:
            return cls(mean, scale, None, None)
        squares = ((evidence - evidence.mean(axis=0)) ** 2).sum(axis=0) + _SPREAD
        return cls(mean, scale, evidence.mean(axis=0), np.sqrt(squares / (len(values) + _SPREAD)))

    def column(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return evidence as inputs of the kernel, ``[n, s]``; ``[n, 0]`` without sources."""
        if self.centre is None or self.spread is None:
            return evidence[:, :0]
        return np.asarray((evidence - self.centre) / self.spread)


def expected_trusts(of_value: NDArray[np.bool_]) -> list[float]:
    """Return how far each source is expected to be trusted: less, the more there are of its kind."""
    values = max(int(of_value.sum()), 1)
    counts = max(int((~of_value).sum()), 1)
    return [_TRUSTED[0] / values**0.5 if value else _TRUSTED[1] / counts**0.5 for value in of_value]


def clipped(values: NDArray[np.float64], lowest: float) -> NDArray[np.float64]:
    """Return `values` with outliers clipped, such as those of diverged trainings.

    The limits are `lowest` median deviations below the median and at least 100 above: low outliers say little
    about good networks, high ones are what a search looks for.
    """
    if not np.isfinite(lowest):
        return values
    values = np.clip(values, -1e100, 1e100)  # whose squares are finite
    median = float(np.median(values))
    distances = np.abs(values - median)
    spread = float(np.median(distances))
    if spread == 0 and distances.any():
        spread = float(np.median(distances[distances > 0]))
    return np.clip(values, median - lowest * spread, median + max(lowest, 100) * spread) if spread else values
