"""The space around a network holds it and smaller ones of the same blocks."""

import numpy as np
import pytest

import search_spaces
from search_spaces.surroundings import space_around

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
