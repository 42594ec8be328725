"""Uniform in MACs over a band, and over the networks of each window of it."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from search_spaces.band_sampling import MacsBand
from search_spaces.errors import NothingFitsError
from tests.search_spaces.test_sampling import EVERY, TABLE

MACS = TABLE.of(EVERY, "macs")


def test_each_window_is_drawn_equally_often_and_each_network_in_it():
    """False alarm of each of the two tests: 1 in 1000."""
    low, high = (int(np.quantile(MACS, q)) for q in (0.1, 0.9))
    windows = 4
    drawn = MacsBand(TABLE, low, high, windows=windows).draw(np.random.default_rng(0), 8_000)
    macs = TABLE.of(drawn, "macs")
    assert low <= macs.min()
    assert macs.max() <= high
    edges = np.linspace(low - 1, high, windows + 1).astype(np.int64)
    counts = [((macs > a) & (macs <= b)).sum() for a, b in itertools.pairwise(edges)]
    assert chisquare(counts).pvalue > 1e-3
    inside = drawn[(macs > edges[0]) & (macs <= edges[1])]
    held = EVERY[(edges[0] < MACS) & (edges[1] >= MACS)]
    found, times = np.unique(inside, axis=0, return_counts=True)
    assert set(map(tuple, found.tolist())) <= set(map(tuple, held.tolist()))
    expected = np.zeros(len(held))
    order = {tuple(row): i for i, row in enumerate(held.tolist())}
    for row, count in zip(found.tolist(), times, strict=True):
        expected[order[tuple(row)]] = count
    groups = np.array([part.sum() for part in np.array_split(expected, 20)])
    sizes = np.array([len(part) for part in np.array_split(expected, 20)])
    assert chisquare(groups, sizes * groups.sum() / sizes.sum()).pvalue > 1e-3


def test_a_rare_network_at_the_upper_end_is_found():
    top = int(MACS.max())
    drawn = MacsBand(TABLE, top, top).draw(np.random.default_rng(0), 3)
    assert (TABLE.of(drawn, "macs") == top).all()


def test_a_band_without_networks_is_refused_in_one_line():
    least = int(MACS.min())
    with pytest.raises(NothingFitsError, match="Choose another band"):
        MacsBand(TABLE, 1, least - 1)
    with pytest.raises(NothingFitsError, match=r"No network in small has .* MACs: it holds"):
        MacsBand(TABLE, least + 1, least + 1)
