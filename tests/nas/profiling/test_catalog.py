"""Published networks and search spaces are listed with what they cost."""

import json

import pytest

import nas
import search_spaces
from nas.__main__ import run
from search_spaces.catalog import SPACES


def test_every_published_network_is_listed_with_its_exact_costs():
    found = {network.name: network for network in nas.networks(classes=10)}
    assert sorted(found) == search_spaces.references()
    for name in ("mobilenet_v2_1.0_224", "mobilevit_xxs_256"):
        costs = search_spaces.count(search_spaces.reference(name), num_classes=10, deploy=True)
        assert found[name].costs == costs
        assert found[name].resolution == int(name.rpartition("_")[2])


def test_only_networks_that_fit_are_listed_where_a_budget_is_given(capsys):
    assert run(["networks", "--fits", "100M-MACs", "--fits", "2M-params", "--json"]) == 0
    names = {network["name"] for network in json.loads(capsys.readouterr().out)["networks"]}
    assert "mobilenet_v2_0.35_96" in names
    assert names.isdisjoint({"mobilenet_v2_1.0_96", "efficientnet_b0_224"})
    assert run(["networks", "--fits", "1k-MACs"]) == 0
    assert capsys.readouterr().out == "No published network fits.\n"


def test_every_space_of_the_catalog_is_listed_with_its_range(capsys):
    assert {space.name for space in nas.spaces()} == set(SPACES)
    assert run(["spaces"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("hybrid_small"))
    low, high = nas.spaces()[0].macs
    assert low < high
    assert "16 to 96" in row
    assert "metaformer, moat, depthwise" in row


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("networks", "--fits", "5ms@cpu"), "Cannot compare published networks with 5ms@cpu"),
        (("networks", "--classes", "1"), "Cannot use classes 1: expected at least 2."),
        (("spaces", "--channels", "0"), "Cannot use channels 0: expected at least 1."),
    ],
)
def test_what_cannot_be_listed_is_said_in_a_line(words: tuple[str, ...], message: str, capsys):
    assert run(list(words)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
