"""Published families are scaled into the budgets of a search, and what does not fit is named."""

import pytest

from nas.comparison.families import Scaler, families
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.counting import count
from search_spaces.errors import NothingFitsError
from search_spaces.published import reference, references

SHAPE = {"num_classes": 10, "in_channels": 3}


def scaler(*budgets: str, excess=lambda _: 0.0, rule: str | None = None) -> Scaler:
    parsed = tuple(map(Budget.parse, budgets))
    return Scaler(budgets=parsed, macs=5_000_000, rule=rule, excess=excess, num_classes=10, in_channels=3)


def macs(network: Architecture) -> int:
    return int(count(network, num_classes=10, in_channels=3, deploy=True).macs)


def test_every_published_network_is_of_one_family():
    assert sorted(name for names in families().values() for name in names) == references()
    assert {"mobilenet_v2", "mobilenet_v3", "mobilevit", "mobilevit_v2", "tinynet"} <= set(families())


@pytest.mark.parametrize("family", ["mobilenet_v2", "efficientnet", "mobilevit"])
def test_a_member_fits_every_budget_and_takes_nearly_all_of_one(family: str):
    budgets = ("20M-MACs", "400k-params")
    found = scaler(*budgets).family(family)
    costs = count(found.architecture, num_classes=10, in_channels=3, deploy=True)
    shares = [costs["macs"] / 20e6, costs["params"] / 400e3]
    assert 0.95 <= max(shares) <= 1
    assert found.published in families()[family]
    assert "scaled to 20M-MACs and 400k-params by" in found.origin


def test_a_family_that_grows_is_scaled_by_compound():
    assert scaler("900M-MACs").family("tinynet").origin.endswith("by compound")
    assert scaler("5M-MACs").family("tinynet").origin.endswith("by tinynet")
    assert scaler("5M-MACs", rule="fast_compound").family("tinynet").origin.endswith("by fast_compound")


def test_a_family_that_no_member_fits_is_an_error_that_names_the_budget():
    with pytest.raises(NothingFitsError, match="fits 1k-params"):
        scaler("1k-params").family("tinynet")


def test_a_latency_is_met_by_measuring_as_large_as_it_allows():
    measured: list[int] = []

    def excess(network: Architecture) -> float:
        measured.append(macs(network))
        return macs(network) / 3e6 - 1  # as if milliseconds were MACs

    found = scaler("3ms@cpu", excess=excess).family("mobilenet_v2")
    assert 2.6e6 <= macs(found.architecture) <= 3e6
    assert len(measured) <= 6


def test_a_latency_that_nothing_meets_is_named():
    with pytest.raises(NothingFitsError, match="meets its latency"):
        scaler("1ms@cpu", excess=lambda _: 1.0).family("tinynet")


def test_whether_a_network_fits_is_counted_and_measured():
    network = reference("mobilenet_v2_0.35_96")
    assert scaler("20M-MACs").fits(network)
    assert not scaler("1M-MACs").fits(network)
    assert not scaler("20M-MACs", "1ms@cpu", excess=lambda _: 0.1).fits(network)
