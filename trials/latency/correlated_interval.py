"""Intervals of the median and other quantiles of times that depend on each other, as on a busy machine.

Neighbours on a machine come and go within tenths of seconds, so that successive blocks of a measurement are
no independent samples: taken for such, intervals of nominally 95 % held the long-run value in 35 to 86 of
100 measurements. Here the blocks are white noise plus an autoregression of first order, a usual model of
correlated noise (ARMA(1,1); Box, Jenkins and Reinsel, 2008, Time Series Analysis, section A4.3), whose share
of the variance and correlation time are unknown. Averaged over what the blocks leave open of both, with flat
priors on the mean and on the logarithms of the scale and the correlation time, it says how uncertain their
mean is. Where the blocks are independent after all, the interval is about twice as wide as it need be.

The model is fitted to the ranks of the times (as normal scores), so that their distribution does not matter,
and its interval is read off the ordered times.

This module needs the standard library only: it also runs on machines without this project.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist, fmean
from typing import Final

_NORMAL: Final = NormalDist()
_LEVEL: Final = 0.95
_SHARES: Final = (0.15, 0.35, 0.55, 0.75, 0.95)  # of the variance that is correlated
_SHORTEST: Final = 0.5  # correlation time, in blocks
_LONGEST: Final = 2  # the same, in lengths of the series
_LEAST_BLOCKS: Final = 6
_MOST_BLOCKS: Final = 128  # more are joined: they take time and say little more of the mean


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an interval that contains the long-run median with about 95 % probability.

    Args:
        values: Times above zero in the order in which they were measured, at equal distances. Of fewer than
            six, the ends are the smallest and the largest.
    """
    return quantile_interval([[value] for value in values], 0.5)


def quantile_interval(blocks: Sequence[Sequence[float]], q: float) -> tuple[float, float]:
    """Return the ends of an interval that contains a long-run quantile with about 95 % probability.

    Args:
        blocks: Times above zero of the runs of each block, in the order in which they were measured.
        q: Probability of the quantile, in (0, 1).
    """
    ordered = sorted(time for block in blocks for time in block)
    if len(blocks) < _LEAST_BLOCKS or ordered[0] == ordered[-1]:
        return ordered[0], ordered[-1]
    scores = _normal_scores(ordered)
    means = [fmean(scores[time] for time in block) for block in blocks]
    size = -(-len(means) // _MOST_BLOCKS)
    low, high = mean_interval([fmean(means[i : i + size]) for i in range(0, len(means), size)])
    at = _NORMAL.inv_cdf(q)
    harder = math.sqrt(q * (1 - q)) / _NORMAL.pdf(at)  # the error of a quantile in errors of a mean
    return _at(ordered, at + min(0.0, harder * low)), _at(ordered, at + max(0.0, harder * high))


def mean_interval(series: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a 95 % interval of the mean of a stationary series, in the order of time."""
    components = _posterior(series)
    if not components:
        return series[0], series[0]
    total = sum(weight for weight, _, _ in components)

    def below(x: float) -> float:
        return sum(w * _NORMAL.cdf((x - mean) / error) for w, mean, error in components) / total

    reach = max(abs(mean) + 8 * error for _, mean, error in components)
    tail = (1 - _LEVEL) / 2
    return _solved(below, tail, -reach, reach), _solved(below, 1 - tail, -reach, reach)


def _posterior(series: Sequence[float]) -> list[tuple[float, float, float]]:
    """Return weight, mean and standard error of the mean for each correlation that is possible."""
    n = len(series)
    found = []
    for share, time in [(0.0, 1.0), *((s, t) for t in _times(n) for s in _SHARES)]:
        precision, mean, rest, logdet = _least_squares(series, share, math.exp(-1 / time))
        if rest <= 1e-12 * len(series):  # all are equal
            return []
        log_weight = -0.5 * (logdet + math.log(precision) + (n - 1) * math.log(rest))
        error = math.sqrt(rest / max(n - 3, 1) / precision)  # the deviation of Student's distribution
        found.append((log_weight, mean, error))
    most = max(weight for weight, _, _ in found)
    return [(math.exp(weight - most), mean, error) for weight, mean, error in found]


def _times(n: int) -> list[float]:
    """Return correlation times in blocks, each twice the one before, up to a few lengths of the series."""
    return [_SHORTEST * 2**k for k in range(1 + int(math.log2(_LONGEST * n / _SHORTEST)))]


def _least_squares(series: Sequence[float], share: float, kept: float) -> tuple[float, float, float, float]:
    """Return precision and value of the mean, the squares left over and the log determinant.

    By the Kalman filter of an autoregression with noise, whose variances add up to one.

    Args:
        series: Values in the order of time.
        share: Variance of the autoregression.
        kept: Its correlation from one value to the next.
    """
    ones = both = squares = logdet = 0.0
    state = state_one = 0.0
    variance = share
    for value in series:
        scale = variance + 1 - share
        error, error_one = value - state, 1 - state_one
        ones += error_one * error_one / scale
        both += error_one * error / scale
        squares += error * error / scale
        logdet += math.log(scale)
        gain = kept * variance / scale
        state, state_one = kept * state + gain * error, kept * state_one + gain * error_one
        variance = kept * kept * variance * (1 - share) / scale + share * (1 - kept * kept)
    return ones, both / ones, squares - both * both / ones, logdet


def _normal_scores(ordered: Sequence[float]) -> dict[float, float]:
    """Return what a normal variable has at the rank of each value; equal values have their mean rank."""
    first = {value: i for i, value in reversed(list(enumerate(ordered)))}
    last = {value: i for i, value in enumerate(ordered)}
    return {v: _NORMAL.inv_cdf((first[v] + last[v] + 1) / (2 * len(ordered))) for v in first}


def _at(ordered: Sequence[float], score: float) -> float:
    """Return the time at a normal score, beyond the ends along the line from the median to the quartile."""
    n = len(ordered)
    place = _NORMAL.cdf(score) * n - 0.5
    if 0 <= place <= n - 1:
        below = min(int(place), n - 2)
        return ordered[below] * (ordered[below + 1] / ordered[below]) ** (place - below)
    end, quartile = (ordered[0], ordered[n // 4]) if place < 0 else (ordered[-1], ordered[-1 - n // 4])
    beyond = abs(score) - abs(_NORMAL.inv_cdf(0.5 / n))
    return end * (quartile / ordered[n // 2]) ** (beyond / abs(_NORMAL.inv_cdf(0.25)))


def _solved(below: Callable[[float], float], probability: float, low: float, high: float) -> float:
    """Return where an increasing function has a value, by bisection."""
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < probability else (low, middle)
    return (low + high) / 2
