"""Estimates true values of networks from noisy ones; shrinks them, because the best is in part the luckiest.

The model is a hierarchy. True values vary about a common level by what the factors of a network explain, with
the correlation of the surrogate, and by something of the network's own; observed values add noise:

    value = level + explained + own + noise,   explained ~ N(0, a² K), own ~ N(0, b² I), noise ~ N(0, c² I)

The posterior is averaged over a, b and, where it is unknown, c, with half-Cauchy priors (Gelman, 2006,
https://doi.org/10.1214/06-BA117A). A posterior does not depend on which network is looked at, so its
intervals hold for the best one too (Senn, 2008, https://doi.org/10.1002/sim.3170).
"""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.surrogates.value_subset import subset_by_value

Floats = NDArray[np.float64]

_QUANTILES: Final = np.tan(np.pi / 2 * (np.arange(8) + 0.5) / 8)
"""Deviations that are tried, equally probable under a half-Cauchy prior of scale 1."""

_NOISES: Final = 2.0 ** np.arange(-5, 1)
"""Deviations of an unknown noise that are tried, as multiples of that of the values."""

_MOST: Final = 200  # values that are taken together; the others follow them by a straight line
_WIDENED: Final = 1.2
"""Factor of standard deviations: the correlation is fitted to the same values, and accuracies have a ceiling.

Without it, intervals of 95 % hold 82 to 97 % on NAS-Bench-Macro (`tests/benchmarks/results`).
"""

_TINY: Final = 1e-9
_Z: Final = 1.96  # standard errors of a 95 % interval


def expected_shares(
    shares: Floats, errors: Floats, correlation: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the posterior mean and standard deviation of true shares, such as accuracies, ``[n]`` each.

    Differences between good networks are small and those between bad ones large: the model holds for the
    logarithm of the share of errors. The noise of a share depends on the share, so that a lucky network would
    also look precise: it is taken at the expected shares instead of the observed ones.

    Args:
        shares: Observed shares, in [0, 1].
        errors: Their standard errors, above 0, see `trials.training.evaluation.wilson_error`.
        correlation: See `expected_values`.
    """
    images = float(np.median(np.maximum(shares * (1 - shares) / errors**2, _Z / (2 * errors) - _Z**2)))
    if len(shares) < 2 or images <= 1:
        return shares.copy(), errors.copy()
    least = 0.5 / images  # half a mistake
    values = -np.log(np.maximum(1 - shares, least))
    expected = np.full(len(shares), float(np.median(shares)))
    for _ in range(2):
        expected = np.clip(expected, least, 1 - least)
        noise = np.sqrt(expected / (1 - expected) / images)
        mean, spread = expected_values(values, correlation, noise)
        expected = 1 - np.exp(-mean)
    mistakes = np.exp(spread**2 / 2 - mean)  # of a log-normal distribution
    return 1 - mistakes, _WIDENED * mistakes * np.sqrt(np.expm1(spread**2))


def expected_values(
    values: Floats, correlation: Floats | None = None, noise: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the posterior mean and standard deviation of the true value of each network, ``[n]`` each.

    Args:
        values: Observed values, finite, ``[n]`` with n at least 1.
        correlation: Prior correlation of the true values by the networks' factors, ``[n, n]``; None for none.
        noise: Standard deviation of each observed value about the true one, ``[n]``; None if unknown.
    """
    if len(values) < 2 or np.ptp(values) == 0:
        return values.copy(), np.zeros(len(values)) if noise is None else noise.copy()
    kept = subset_by_value(values, _MOST)
    mean, spread = _averaged(
        values[kept],
        np.eye(len(kept)) if correlation is None else correlation[np.ix_(kept, kept)],
        None if noise is None else np.maximum(noise[kept], _TINY),
    )
    if len(kept) == len(values):
        return mean, spread
    slope, level = np.polyfit(values[kept], mean, 1)
    every, wide = level + slope * values, np.full(len(values), spread.max())
    every[kept], wide[kept] = mean, spread
    return every, wide


def _averaged(values: Floats, correlation: Floats, noise: Floats | None) -> tuple[Floats, Floats]:
    """Return mean and standard deviation averaged over the deviations of the parts by their evidence."""
    scale = float(values.std())
    noises = [noise] if noise is not None else [np.full(len(values), scale * c) for c in _NOISES]
    found = [
        _conditional(values, (scale * a) ** 2 * correlation, c * b, c)
        for c, a, b in itertools.product(noises, _QUANTILES, _QUANTILES)
    ]
    evidence = np.array([one.evidence for one in found])
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    means, variances = np.stack([one.mean for one in found]), np.stack([one.variance for one in found])
    mean = weights @ means
    return mean, np.sqrt(weights @ (variances + (means - mean) ** 2))


@dataclass(frozen=True, slots=True)
class _Conditional:
    """Posterior given the deviations of the parts: mean and variance, ``[n]``, and log evidence."""

    mean: Floats
    variance: Floats
    evidence: float


def _conditional(values: Floats, explained: Floats, own: Floats, noise: Floats) -> _Conditional:
    """Return the posterior given the covariance of the explained part and the deviations of the others."""
    true = explained + np.diag(own**2)
    root = np.linalg.cholesky(true + np.diag(noise**2))
    ones = np.ones(len(values))
    whitened = np.linalg.solve(root, np.column_stack([values, ones, true]))
    y, one, prior = whitened[:, 0], whitened[:, 1], whitened[:, 2:]  # prior: [n, n]
    weight = float(one @ one)
    level = float(one @ y) / weight
    rest = y - level * one
    surprise = ones - prior.T @ one  # what an error of the level changes in each mean
    return _Conditional(
        mean=level + prior.T @ rest,
        variance=np.diag(true) - (prior**2).sum(axis=0) + surprise**2 / weight,
        evidence=-float(np.log(np.diag(root)).sum() + (np.log(weight) + rest @ rest) / 2),
    )
