"""Scaled networks can be built, also where a block divides its channels evenly."""

from functools import partial

import pytest
import torch

import search_spaces
from nas.scaling.scaled_architecture import ScalingFactors, fit_to_budget, scaled, scaled_to_build
from search_spaces.architecture import Architecture, Stage, options_of


def network(block: str, channels: tuple[int, ...], **options: str | int) -> Architecture:
    return Architecture(
        network="pyramid",
        resolution=32,
        options=options_of({"stem_channels": 8}),
        stages=tuple(
            Stage(block=block, channels=c, depth=1, stride=2, options=options_of(options)) for c in channels
        ),
    )


def macs(architecture: Architecture) -> int:
    return search_spaces.count(architecture, num_classes=10).macs


def share_of(limit: float, architecture: Architecture) -> float:
    """Return the MACs of a network as a share of a limit."""
    return macs(architecture) / limit


@pytest.mark.parametrize(
    ("base", "growth"),
    [
        (network("metaformer", (24, 24), mixer="large_small_conv"), 1.559),
        (network("metaformer", (8, 16), mixer="ghost_module"), 1.922),
        (network("metaformer", (24, 48), mixer="ghost_module", ratio=3), 1.7),
        (network("metaformer", (24, 16), mixer="dfc_attention"), 1.115),
        (network("mobilevit_v2", (24, 48), mixer="ghost_module", ratio=3, inner_channels=48), 1.7),
    ],
    ids=["large_small_conv", "ghost_module", "ghost_module of 3", "dfc_attention", "inside a block"],
)
def test_a_network_for_a_budget_has_channels_that_its_blocks_can_have(base, growth):
    limit = growth * macs(base)
    made = fit_to_budget(base, ScalingFactors(width=growth**0.5), partial(share_of, limit))
    assert made is not None
    architecture, share, _ = made
    assert 0.85 < share <= 1
    with torch.device("meta"):
        search_spaces.build(architecture, num_classes=10)


@pytest.mark.parametrize("seed", range(4))
def test_ghost_bottlenecks_for_a_budget_can_be_built(seed):
    base = network("ghost_bottleneck", (8 + 8 * seed, 24))
    for percent in range(110, 400, 29):
        limit = percent / 100 * macs(base)
        factors = ScalingFactors(width=(percent / 100) ** 0.5)
        made = fit_to_budget(base, factors, partial(share_of, limit))
        assert made is not None
        with torch.device("meta"):
            search_spaces.build(made[0], num_classes=10)


def test_the_nearest_channels_are_taken_and_none_change_that_can_be_built():
    base = network("metaformer", (24, 48), mixer="ghost_module", ratio=3)
    factors = ScalingFactors(width=0.75)
    assert [stage.channels for stage in scaled(base, factors).stages] == [24, 40]
    assert [stage.channels for stage in scaled_to_build(base, factors).stages] == [24, 48]
    plain = network("metaformer", (24, 48), mixer="depthwise")
    assert scaled_to_build(plain, factors) == scaled(plain, factors)
