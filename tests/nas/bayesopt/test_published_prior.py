"""Published accuracies rank families that they have not seen, and are a source of evidence."""

import numpy as np
from scipy.stats import spearmanr

import search_spaces
from nas.bayesopt.published_prior import factors_of, line_through, published_source
from nas.bayesopt.sources import read
from search_spaces.pricing import prices
from search_spaces.published_results import published_results

PLAIN = {
    name: top1
    for name in search_spaces.references()
    if (top1 := next((r.top1 for r in published_results(name) if r.plain), None)) is not None
}


def family(name: str) -> str:
    return name.rsplit("_", 2)[0]


def expected_without_its_family(name: str) -> float:
    others = [other for other in PLAIN if family(other) != family(name)]
    return 100 - float(np.exp(line_through(others)(np.array([factors_of(name)]))[0]))


def test_a_family_that_was_left_out_is_ranked_also_among_networks_of_equal_macs():
    names = list(PLAIN)
    expected = np.array([expected_without_its_family(name) for name in names])
    reached = np.array([PLAIN[name] for name in names])
    assert spearmanr(expected, reached).statistic > 0.93
    log_macs = np.array([factors_of(name)[0] for name in names])
    band = (np.log(150e6) < log_macs) & (log_macs < np.log(600e6))
    assert band.sum() > 15
    in_band = spearmanr(expected[band], reached[band]).statistic
    assert in_band > 0.55  # MACs alone: .02
    assert in_band > spearmanr(log_macs[band], reached[band]).statistic + 0.2


def test_the_source_expects_an_accuracy_of_every_network_of_a_space():
    space = search_spaces.load("mobile_cnn")
    codes, rng = space.codes, np.random.default_rng(0)
    rows = codes.canonical(np.stack([rng.integers(0, radix, 8) for radix in codes.radices], axis=1))
    priced = prices(codes, num_classes=1000)
    table = read(published_source(priced), [codes.slots(row) for row in rows])
    assert table.shape == (8, 2)
    assert np.all((table[:, 0] > 0) & (table[:, 0] < 100))
    assert spearmanr(table[:, 0], priced.of(rows, "macs")).statistic > 0.5
