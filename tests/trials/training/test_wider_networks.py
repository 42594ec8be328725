"""Wider networks hold a network while it trains, and nothing of them is left afterwards."""

from itertools import islice

import numpy as np
import pytest
import torch

import search_spaces
from search_spaces.errors import RecipeError
from tests.trials.training.test_fine_tuning import NETWORK
from tests.trials.training.test_loop import run, same, weights
from trials.training.recipe import Recipe
from trials.training.wider_networks import WiderNetworks

RECIPE = Recipe(name="inside", epochs=3, batch_size=16, precision="fp32", wider=2.0, gradient_clip=1.0)


def built(architecture=NETWORK):
    torch.manual_seed(0)
    return search_spaces.build(architecture, num_classes=2)


def inside(splits, recipe=RECIPE, **options):
    network = built()
    results = list(run(network, splits, recipe, resolution=8, architecture=NETWORK, **options))
    return results, weights(network)


def test_gradients_of_a_wider_network_reach_all_weights_of_the_network_and_further_ones():
    network = built()
    wider = WiderNetworks(network, NETWORK, RECIPE, num_classes=2, in_channels=3, seed=0)
    for step in range(3):
        wider.choose(np.random.default_rng(step))
        network.zero_grad()
        wider.optimiser.zero_grad()
        wider.scores(torch.rand(4, 3, 8, 8)).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in wider.parameters)


def test_it_is_the_first_channels_of_wider_networks():
    network = built()
    wider = WiderNetworks(network, NETWORK, RECIPE, num_classes=2, in_channels=3, seed=0)
    images = torch.rand(4, 3, 8, 8)
    before = wider.scores(images)
    with torch.no_grad():
        network.stem[0].weight.zero_()
    assert not torch.equal(wider.scores(images), before)


def test_what_is_left_is_the_network_alone_and_other_weights_than_without(tiny_splits):
    results, found = inside(tiny_splits)
    _, without = inside(tiny_splits, RECIPE.model_copy(update={"wider": 1.0}))
    assert results[-1].accuracy > 0.9
    assert {name: w.shape for name, w in found.items()} == {name: w.shape for name, w in without.items()}
    assert not same(found, without)


def test_a_killed_training_inside_wider_networks_goes_on_bit_for_bit(tiny_splits, tmp_path):
    expected, unbroken = inside(tiny_splits)
    checkpoint = tmp_path / "checkpoint.pt"
    begun = run(built(), tiny_splits, RECIPE, resolution=8, architecture=NETWORK, checkpoint=checkpoint)
    list(islice(begun, 2))
    results, resumed = inside(tiny_splits, checkpoint=checkpoint)
    assert results == expected
    assert same(resumed, unbroken)


def test_networks_without_an_architecture_or_that_cannot_be_wider_are_refused(small_network, tiny_splits):
    with pytest.raises(RecipeError, match="without its architecture"):
        list(run(small_network(), tiny_splits, RECIPE))
    narrow = RECIPE.model_copy(update={"wider": 1.01})
    with pytest.raises(RecipeError, match=r"wider: 1\.01"):
        list(run(built(), tiny_splits, narrow, resolution=8, architecture=NETWORK))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobile_small", "hybrid_small", "mobile_cnn"])
def test_networks_of_every_kind_can_be_wider(name):
    space = search_spaces.load(name)
    architecture = space.sample(np.random.default_rng(0))
    with torch.device("cpu"):
        network = search_spaces.build(architecture, num_classes=10)
    wider = WiderNetworks(network, architecture, RECIPE, num_classes=10, in_channels=3, seed=0)
    side = architecture.resolution
    wider.choose(np.random.default_rng(0))
    assert wider.scores(torch.rand(2, 3, side, side)).shape == (2, 10)
