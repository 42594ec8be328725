"""The space around a network holds it and smaller ones of the same blocks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import search_spaces
from search_spaces.architecture import Stage, options_of
from search_spaces.catalog import SPACES
from search_spaces.errors import SpaceError
from search_spaces.surroundings import space_around, wider_space

NAMES = [n for n in search_spaces.references() if not n.startswith("mobilenet_v2_") or n.endswith("_224")]


@pytest.mark.parametrize("name", NAMES)
def test_the_space_around_a_published_network_holds_it_and_lighter_ones(name):
    network = search_spaces.reference(name)
    space = space_around(network, f"around_{name}")
    assert space.contains(network)
    other = space.sample(np.random.default_rng(0))
    assert [s.block for s in other.stages] == [s.block for s in network.stages]
    macs = [search_spaces.count(n, num_classes=10).macs for n in (other, network)]
    assert macs[0] <= macs[1]


@pytest.mark.parametrize("name", [n for n in SPACES if any(stage.patterns for stage in SPACES[n].stages)])
@pytest.mark.parametrize("seed", range(8))
def test_the_spaces_around_a_network_whose_blocks_differ_hold_it_and_networks_that_can_be_built(name, seed):
    rng = np.random.default_rng(seed)
    network = SPACES[name].sample(rng)
    space = space_around(network, "around")
    assert space.contains(network)
    assert wider_space(network, [1.5, 2.0], "wider").contains(network)
    with torch.device("meta"):
        for _ in range(4):
            search_spaces.build(space.sample(rng), num_classes=10)


def test_around_a_network_whose_blocks_differ_by_no_pattern_there_is_no_space():
    network = SPACES["hybrid_small"].sample(np.random.default_rng(0))
    kernels = [options_of({"mixer": "depthwise", "kernel": kernel}) for kernel in (3, 5, 3)]
    stages = (*network.stages[:-1], Stage.made_of("metaformer", 64, 2, kernels))
    with pytest.raises(SpaceError, match="the blocks of its stage 4 differ"):
        space_around(replace(network, stages=stages), "around")
