"""Says how probable it is that a source of evidence ranks networks as their values do.

A source either ranks well, so that its normal scores correlate with those of the values by .6 to .95, or says
nothing: the odds of the two are those of the correlation that the observed networks show. A search looks at
networks of which much is expected, and among networks that are alike a good source correlates less: the claim
is lowered as the range of what it expects is restricted (Thorndike, 1949, case 2).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

Floats = NDArray[np.float64]

_CLAIMED: Final = np.linspace(0.6, 0.95, 10)  # correlations of a source that ranks well, equally probable
_AGAINST: Final = 1.4  # log odds against a source of which even the sign is unknown, as of one count of many
_LEAST: Final = (0.45, 0.5)
"""Probabilities below which a source counts for nothing: one that values are expected to rise with, and one
of which they may rise or fall. Differences between the best networks are small, and a little trust in noise
would outweigh them.
"""


def trust_weights(evidence: Floats, values: Floats, rising: NDArray[np.bool_]) -> Floats:
    """Return factors of the trust in each source, ``[s]``: 1 before anything is known, at most 2, or 0.

    Args:
        evidence: What each source expects of networks, in its deviations over the region, ``[n, s]``.
        values: Observed values, ``[n]``, all after equally long trainings.
        rising: Which sources values are expected to rise with, ``[s]``.
    """
    weights = np.array([_probability(z, values, bool(up)) for z, up in zip(evidence.T, rising, strict=True)])
    least = np.where(rising, *_LEAST)
    return np.asarray(np.where(weights < least, 0.0, 2 * weights))


def _probability(expected: Floats, values: Floats, rising: bool) -> float:
    """Return the probability that one source ranks well."""
    against = 0.0 if rising else _AGAINST
    if len(values) < 2 or np.ptp(expected) == 0 or np.ptp(values) == 0:
        return 0.5 if rising else float(expit(-against))
    z, y = _normal_scores(expected), _normal_scores(values)
    seen = float(np.clip(z @ y / np.sqrt((z @ z) * (y @ y)), -0.999, 0.999))
    restricted = max(1.0 / float(expected.std()), 1.0)
    odds = _log_odds(seen, len(values), restricted)
    if not rising:
        odds = float(np.logaddexp(odds, _log_odds(-seen, len(values), restricted)) - np.log(2.0))
    return float(expit(odds - against))


def _normal_scores(values: Floats) -> Floats:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # equal values share one; scipy.stats takes long to import
    return np.asarray(ndtri((ranks[places] - 0.5) / len(values)))


def _log_odds(seen: float, n: int, restricted: float) -> float:
    """Return the log odds of a claimed correlation against none (Jeffreys, 1961, section 5.5)."""
    claimed = _CLAIMED / np.sqrt(restricted**2 * (1 - _CLAIMED**2) + _CLAIMED**2)
    each = (n - 1) / 2 * np.log1p(-(claimed**2)) - (n - 1.5) * np.log1p(-claimed * seen)
    return float(np.logaddexp.reduce(each) - np.log(len(each)))
