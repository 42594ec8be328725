"""Fits values by a sum over the parameters of a space: ridge regression on the surrogate's local features."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PENALTIES: Final = 10.0 ** np.arange(-4, 4)  # that are tried, for values and features of variance 1


@dataclass(frozen=True, eq=False)
class AdditiveFit:
    """Sum over parameters.

    Attributes:
        skill: Share of the variance of left-out values that the sum explains, at most 1.
    """

    skill: float
    _centre: Floats  # of the features, [f]
    _mean: float
    _weights: Floats  # [f]
    _root: Floats  # covariance of the weights is its product with its transpose, [f, f]

    @classmethod
    def of(cls, features: Floats, values: Floats) -> "AdditiveFit":
        """Return the sum that predicts left-out values best.

        Args:
            features: Features, ``[n, f]`` with n at least 2.
            values: Values, finite, ``[n]``.
        """
        centre, mean = features.mean(axis=0), float(values.mean())
        u, s, vt = np.linalg.svd(features - centre, full_matrices=False)
        y = values - mean
        total = max(float(y @ y), 1e-300)
        best: tuple[float, Floats] | None = None
        for penalty in _PENALTIES:
            kept = s**2 / (s**2 + penalty)
            leverage = np.minimum((u**2) @ kept + 1 / len(y), 1 - 1e-9)
            left_out = (y - u @ (kept * (u.T @ y))) / (1 - leverage)
            error = float(left_out @ left_out)
            if best is None or error < best[0]:
                best = (error, s / (s**2 + penalty))
        assert best is not None
        error, inverse = best
        weights = vt.T @ (inverse * (u.T @ y))
        deviation = (error / len(y)) ** 0.5
        return cls(1 - error / total, centre, mean, weights, vt.T * (deviation * inverse))

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the sums of networks and their standard errors, ``[n]`` each."""
        centred = features - self._centre
        return self._mean + centred @ self._weights, np.sqrt(((centred @ self._root) ** 2).sum(axis=1))
