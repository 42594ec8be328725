"""How values of networks are judged, and the halves of NAS-Bench-Macro, without its table."""

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau

from search_spaces.pricing import prices
from tests.benchmarks.macro_comparison import result_of
from tests.benchmarks.macro_halves import BAND, halves_of, in_band, judged_networks, same_network
from tests.benchmarks.macro_table import MacroTable, architecture_of, codes_of, macro_space
from tests.benchmarks.rank_agreement import agreement, fitted, kendall


@pytest.fixture(scope="module")
def table():
    """Return a table of all networks whose accuracy is a sum over layers, with noise."""
    names = tuple("".join(digits) for digits in itertools.product("012", repeat=8))
    space = macro_space()
    codes = codes_of(names)
    assert space.codes.at(codes[1234]) == architecture_of(names[1234])
    priced = prices(space.codes, num_classes=10, deploy=False)
    rng = np.random.default_rng(0)
    effect = np.array([[0, 1, 1 + 0.1 * layer] for layer in range(8)])
    truth = np.array([sum(effect[layer, int(digit)] for layer, digit in enumerate(name)) for name in names])
    return MacroTable(
        names=names,
        accuracy=80 + truth[:, None] + 0.2 * rng.standard_normal((len(names), 3)),
        macs=priced.of(codes, "macs"),
        params=priced.of(codes, "params"),
    )


def test_tau_is_that_of_scipy_with_ties_too():
    rng = np.random.default_rng(0)
    for values in (5, 1000):
        a, b = rng.integers(values, size=(2, 60)).astype(float)
        assert kendall(a, b) == pytest.approx(kendalltau(a, b).statistic)
    assert kendall(np.ones(5), np.arange(5.0)) == 0


def test_intervals_hold_the_true_tau_and_equal_values_do_not_differ():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(20_000)
    noisy = truth + rng.standard_normal(20_000)
    few = agreement(truth[:200], {"noisy": noisy[:200], "again": noisy[:200], "none": rng.random(200)})
    low, high = few.interval("noisy")
    assert low < kendall(noisy[:2_000], truth[:2_000]) < high
    assert few.difference("noisy", "again") == (0, 0, 0)
    assert few.difference("noisy", "none")[1] > 0
    assert few.interval("none")[0] < 0 < few.interval("none")[1]


def test_a_combination_ranks_better_than_its_parts_and_leaves_out_what_says_nothing():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(600)
    values = np.stack(
        [truth + rng.standard_normal(600), truth + rng.standard_normal(600), rng.random(600)], 1
    )
    both = fitted(values[:300], truth[:300])
    alone = [kendall(values[300:, i], truth[300:]) for i in range(2)]
    assert kendall(both.of(values[300:]), truth[300:]) > max(alone)
    assert abs(both.weights[2]) < 0.1 * abs(both.weights[:2]).min()


def test_strings_of_one_network_are_in_the_same_half_and_the_halves_share_none(table):
    assert same_network("00010000") == same_network("00001000")
    assert same_network("01000000") != same_network("10000000")
    halves = halves_of(table)
    first, second = (
        {same_network(table.names[row]) for row in rows} for rows in (halves.choose, halves.judge)
    )
    assert not first & second
    assert sorted([*halves.choose, *halves.judge]) == list(range(6561))


def test_networks_in_the_band_are_those_that_a_budget_compares(table):
    rows = in_band(table, np.arange(6561))
    assert len(rows) == 782
    assert table.macs[rows].min() >= BAND[0]
    assert table.macs[rows].max() <= BAND[1]
    picks = judged_networks(table)
    assert [len(rows) for half in picks.values() for rows in half.values()] == [300] * 4


def test_a_supernet_that_knows_beats_counts_and_one_that_guesses_does_not(table):
    rng = np.random.default_rng(0)
    truth = table.accuracy.mean(axis=1)
    picked = {row for half in judged_networks(table).values() for rows in half.values() for row in rows}

    def supernet(values):
        return {table.names[row]: {"accuracy": values[row], "loss": -values[row]} for row in picked}

    knows = [supernet(truth + 0.3 * rng.standard_normal(6561)) for _ in range(2)]
    result = result_of(table, knows, supernet(rng.standard_normal(6561)), draws=200)
    for where in ("overall", "in band"):
        part = result[where]
        assert part["networks"] == part["fitted on"] == 300
        assert part["more than layers"]["supernet, seed 0"][1] > 0
        assert part["tau"]["layers and supernet, seed 0"][0] > part["tau"]["layers"][0]
        low, high = part["shuffled labels"]["accuracy"][1:]
        assert low < 0 < high
        assert part["two supernets"][0] > 0.6
