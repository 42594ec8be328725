"""Units in which the surrogate reads values and evidence."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.surrogates.source_agreement import trust_weights

_TRUSTED: Final = (0.5, 0.2)
"""Expected trust in all sources that values rise with together, and in all others: standard deviations of the
observed values for one of what they expect.
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
        weights: Factors of the trust in each source, see `nas.surrogates.source_agreement`, ``[s]``.
    """

    mean: float
    scale: float
    centre: NDArray[np.float64] | None
    spread: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None

    @classmethod
    def of(
        cls,
        values: NDArray[np.float64],
        evidence: NDArray[np.float64] | None,
        rising: NDArray[np.bool_],
        fidelity: NDArray[np.float64],
    ) -> "Units":
        """Return the units of observed values, and of the evidence on their points.

        Args:
            values: Observed values, ``[n]``.
            evidence: Evidence on their points, ``[n, s]``; None without sources.
            rising: Which sources values are expected to rise with, ``[s]``.
            fidelity: Share of a full training after which each was observed, ``[n]``.
        """
        mean, scale = float(values.mean()), float(values.std())
        scale = scale if scale > 1e-12 * abs(mean) else 1.0
        if evidence is None:
            return cls(mean, scale, None, None, None)
        squares = ((evidence - evidence.mean(axis=0)) ** 2).sum(axis=0) + _SPREAD
        alike = _most_alike(fidelity)
        return cls(
            mean,
            scale,
            evidence.mean(axis=0),
            np.sqrt(squares / (len(values) + _SPREAD)),
            trust_weights(evidence[alike], values[alike], rising),
        )

    def column(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return evidence as inputs of the kernel, ``[n, s]``; ``[n, 0]`` without sources."""
        if self.centre is None or self.spread is None or self.weights is None:
            return evidence[:, :0]
        return np.asarray(self.weights * (evidence - self.centre) / self.spread)


def expected_trusts(rising: NDArray[np.bool_]) -> list[float]:
    """Return how far each source is expected to be trusted: less, the more there are of its kind."""
    risers = max(int(rising.sum()), 1)
    counts = max(int((~rising).sum()), 1)
    return [_TRUSTED[0] / risers**0.5 if up else _TRUSTED[1] / counts**0.5 for up in rising]


def _most_alike(fidelity: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which values are compared: those of the fidelity that most have, of several the highest."""
    found, counts = np.unique(fidelity, return_counts=True)
    return np.asarray(fidelity == found[counts == counts.max()][-1])


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
