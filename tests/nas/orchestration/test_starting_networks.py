"""A search begins with the published networks that its space can scale into the budgets."""

from dataclasses import replace

import pytest

import search_spaces
from nas.orchestration.starting_networks import blocks_in, starting_networks
from nas.scaling.small_stem import with_small_stem
from search_spaces.architecture import Architecture, options_of
from search_spaces.budget import Budget
from search_spaces.catalog import SPACES
from search_spaces.pricing import prices

SMALL, FIRST = SPACES["mobile_small"], SPACES["mobile_small_1"]
TABLE, FIRST_TABLE = (prices(space.codes, num_classes=10, in_channels=3) for space in (SMALL, FIRST))
SIDE = 32


def begun(*texts: str) -> dict[str, Architecture]:
    return starting_networks(SMALL, TABLE, [Budget.parse(text) for text in texts], "factor_gp", SIDE)


@pytest.mark.parametrize("text", ["500k-MACs", "2M-MACs", "5M-MACs", "12M-MACs", "100k-params", "64KiB-peak"])
def test_efficientnet_is_scaled_into_any_budget_that_the_space_meets(text):
    budget = Budget.parse(text)
    ((name, network),) = begun(text).items()
    assert name == "efficientnet_b0_224"
    assert SMALL.contains(network)
    used = 1 + budget.excess(search_spaces.count(network, num_classes=10, deploy=True)[budget.resource])
    assert 0.5 < used <= 1
    published = with_small_stem(search_spaces.reference(name), SIDE)
    assert published is not None
    for stage, other in zip(network.stages, published.stages, strict=True):
        assert (stage.block, stage.options, stage.stride) == (other.block, other.options, other.stride)


def test_it_takes_the_images_as_they_are_and_has_about_the_depth_of_compound_scaling():
    (network,) = begun("5M-MACs").values()  # `nas scale` gives 8 blocks
    assert network.resolution == SIDE
    assert 7 <= sum(stage.depth for stage in network.stages) <= 9


def test_the_first_edition_has_about_the_resolution_and_depth_of_compound_scaling():
    (network,) = starting_networks(FIRST, FIRST_TABLE, [Budget.parse("5M-MACs")], "tpe", SIDE).values()
    assert 72 <= network.resolution <= 96  # `nas scale` gives 88 pixels and 8 blocks
    assert sum(stage.depth for stage in network.stages) == 8


def test_every_budget_is_met_at_once():
    (network,) = begun("5M-MACs", "100k-params", "5ms@cpu").values()
    costs = search_spaces.count(network, num_classes=10, deploy=True)
    assert costs.macs <= 5e6
    assert costs.params <= 1e5


def test_nothing_is_begun_with_where_nothing_can_be_scaled():
    assert begun("5ms@cpu") == {}
    assert begun("10k-MACs") == {}
    assert starting_networks(SMALL, TABLE, [Budget.parse("5M-MACs")], "random", SIDE) == {}
    copy = replace(SMALL, name="mine")
    table = prices(copy.codes, num_classes=10)
    assert (
        starting_networks(copy, table, [Budget.parse("5M-MACs")], "tpe", SIDE) == {}
    )  # its author says where to begin
    for name in ("hybrid", "hybrid_small", "mobile_cnn"):
        table = prices(SPACES[name].codes, num_classes=10)
        assert starting_networks(SPACES[name], table, [Budget.parse("100M-MACs")], "tpe", SIDE) == {}


@pytest.mark.parametrize(("space", "name"), [("mobilevit", "xs"), ("mobilevit_v2", "v2_0.5")])
def test_a_space_around_a_family_begins_with_its_member_scaled_in_transformers_too(space, name):
    table = prices(SPACES[space].codes, num_classes=10)
    found = starting_networks(SPACES[space], table, [Budget.parse("200M-MACs")], "factor_gp", 224)
    network = found[f"mobilevit_{name}_256"]
    assert SPACES[space].contains(network)
    assert 0.9e8 < search_spaces.count(network, num_classes=10, deploy=True).macs <= 2e8
    inside = [dict(stage.options)["transformers"] for stage in network.stages if stage.mixer]
    assert inside in ([1, 2, 2], [2, 3, 2], [2, 4, 3])


def test_a_network_with_another_block_or_skeleton_is_not_held():
    published = search_spaces.reference("efficientnet_b0_224")
    assert blocks_in(FIRST.codes, published) is not None
    assert blocks_in(FIRST.codes, replace(published, stages=published.stages[:-1])) is None
    assert blocks_in(FIRST.codes, replace(published, network="patchified")) is None
    other = replace(published.stages[1], options=options_of({"expansion": 6, "kernel": 7}))
    changed = (published.stages[0], other, *published.stages[2:])
    assert blocks_in(FIRST.codes, replace(published, stages=changed)) is None
