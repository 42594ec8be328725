"""Draws of values that are jointly Gaussian."""

import numpy as np

from nas.explanation.evidence import Floats


def draws(rng: np.random.Generator, mean: Floats, covariance: Floats, n: int) -> Floats:
    """Return `n` draws of all values, ``[n, k]``.

    Args:
        rng: Draws them.
        mean: Expected, ``[k]``.
        covariance: ``[k, k]``; what rounding left below zero of its eigenvalues counts as zero.
        n: How many.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(mean + rng.standard_normal((n, len(values))) @ root.T)
