"""Intervals of times that depend on each other, on series of which the long-run value is known."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.latency.correlated_interval import mean_interval, median_interval, quantile_interval

BLOCK_MS = 40.0
RUNS = 100


def autoregression(rng, n, correlation_ms):
    """Return a stationary series of mean 0 and variance 1 whose correlation decays with a time, [n]."""
    kept = math.exp(-BLOCK_MS / correlation_ms) if correlation_ms else 0.0
    series = rng.standard_normal(n)
    for i in range(1, n):
        series[i] = kept * series[i - 1] + math.sqrt(1 - kept**2) * series[i]
    return series


@pytest.mark.parametrize(
    ("blocks", "correlation_ms"), [(16, 0.0), (16, 40.0), (16, 100.0), (48, 100.0), (48, 300.0)]
)
def test_the_interval_holds_the_median_of_correlated_blocks(blocks, correlation_ms):
    # 96 % or more of many; fewer than 88 % of 100 then happens once in 10,000.
    held = 0
    for run in range(RUNS):
        times = np.exp(0.03 * autoregression(np.random.default_rng(run), blocks, correlation_ms))
        low, high = median_interval(list(times))
        held += low <= 1.0 <= high
    assert held / RUNS >= 0.88


def test_the_interval_holds_a_quantile_of_skewed_times_in_correlated_blocks():
    held = 0
    for run in range(RUNS):
        rng = np.random.default_rng(run)
        slow = np.exp(0.1 * autoregression(rng, 32, 300.0))
        times = slow[:, None] * (1 + rng.exponential(size=(32, 8)))
        low, high = quantile_interval(times.tolist(), 0.9)
        held += low <= 3.338 <= high  # of a million draws
    assert held / RUNS >= 0.86  # expected: 94 %


def test_independent_blocks_cost_twice_the_width_at_most():
    widths = []
    for run in range(40):
        times = np.exp(0.02 * np.random.default_rng(run).standard_normal(48))
        low, high = median_interval(list(times))
        widths.append(math.log(high / low))
    known = 2 * 1.96 * 1.2533 * 0.02 / math.sqrt(48)
    assert known < np.median(widths) < 2.5 * known


@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=40))
def test_the_interval_lies_around_the_median(values):
    low, high = median_interval(values)
    assert 0 < low <= statistics.median(values) * (1 + 1e-12)
    assert high >= statistics.median(values) * (1 - 1e-12)


def test_only_the_order_of_the_times_decides_where_the_interval_ends():
    values = np.exp(0.1 * autoregression(np.random.default_rng(1), 64, 40.0))
    low, high = median_interval(list(values))
    squared = median_interval(list(values**2))
    assert squared == pytest.approx((low**2, high**2))


def test_equal_times_are_known_exactly():
    assert median_interval([5.0] * 16) == (5.0, 5.0)
    assert quantile_interval([[5.0, 5.0]] * 16, 0.9) == (5.0, 5.0)
    assert mean_interval([0.0] * 16) == (0.0, 0.0)


def test_a_hundred_thousand_runs_take_a_moment():
    runs = [[float(time)] for time in 1 + np.random.default_rng(0).random(100_000)]
    low, high = quantile_interval(runs, 0.5)
    assert low < 1.5 < high < 1.6
