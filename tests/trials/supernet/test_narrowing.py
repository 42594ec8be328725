"""Optimiser steps on slices: what no network of a step uses stays as it is, and so does its momentum."""

import numpy as np
import pytest
import torch

from search_spaces.sampling import uniform_codes
from tests.trials.supernet.supernets import SPACE, TRAINING, shared_for
from trials.supernet.narrowing import Narrowing
from trials.supernet.shared_optimiser import shared_optimiser
from trials.training.optimisers import build_optimiser

RECIPES = {
    "adamw": TRAINING,
    "sgd": TRAINING.model_copy(update={"optimiser": "sgd", "weight_decay": 0.1}),
}


def masks(shared, networks):
    found = {key: torch.zeros_like(tensor, dtype=torch.bool) for key, tensor in shared.tensors.items()}
    for network in networks:
        for part in shared.slices(network).values():
            part.put(found[part.key], torch.ones(part.sizes, dtype=torch.bool))
    return found


def everything(shared, optimiser):
    """Return each tensor and each of its shape in the optimiser's state, by name."""
    found = {}
    for key, tensor in shared.tensors.items():
        found[key] = [tensor.detach().clone()]
        state = optimiser.state.get(tensor, {})
        found[key] += [
            state[name].clone()
            for name in sorted(state)
            if isinstance(state[name], torch.Tensor) and state[name].shape == tensor.shape
        ]
    return found


def step(shared, optimiser, narrowing, networks, x):
    optimiser.zero_grad(set_to_none=True)
    with narrowing.narrowed(networks) as present:
        for network in networks:
            side = network.resolution
            shared(network, x[:, :, :side, :side], present).square().mean().backward()
        optimiser.step()


@pytest.mark.parametrize("kind", RECIPES)
@pytest.mark.parametrize("together", [1, 3])
def test_a_step_moves_exactly_what_its_networks_use(kind, together, tiny_splits):
    shared = shared_for(tiny_splits)
    optimiser = shared_optimiser(shared, RECIPES[kind])
    narrowing = Narrowing(shared, optimiser)
    codes = uniform_codes(SPACE.codes, np.random.default_rng(0), 4 * together)
    networks = [SPACE.codes.at(row) for row in codes]
    x = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    for first in range(0, len(networks), together):
        chosen = networks[first : first + together]
        before, used = everything(shared, optimiser), masks(shared, chosen)
        step(shared, optimiser, narrowing, chosen, x)
        after = everything(shared, optimiser)
        moved = False
        for key, entries in after.items():
            olds = before[key] + [torch.zeros_like(entry) for entry in entries[len(before[key]) :]]
            for entry, old in zip(entries, olds, strict=True):
                assert entry.shape == old.shape
                assert torch.equal(entry[~used[key]], old[~used[key]])
                moved |= not torch.equal(entry, old)
        assert moved


def test_a_step_on_a_slice_is_that_of_an_ordinary_network(tiny_splits):
    shared = shared_for(tiny_splits)
    network = SPACE.codes.at(uniform_codes(SPACE.codes, np.random.default_rng(5), 1)[0])
    ordinary = shared.module(network).train()
    x = torch.randn(4, 3, network.resolution, network.resolution)
    recipe = RECIPES["sgd"]
    optimisers = shared_optimiser(shared, recipe), build_optimiser(ordinary, recipe)
    narrowing = Narrowing(shared, optimisers[0])
    for _ in range(3):
        step(shared, optimisers[0], narrowing, [network], x)
        optimisers[1].zero_grad()
        ordinary(x).square().mean().backward()
        optimisers[1].step()
    for path, weight in shared.module(network).named_parameters():
        torch.testing.assert_close(weight, ordinary.get_parameter(path), msg=path)


def test_after_an_error_everything_is_as_before(tiny_splits):
    shared = shared_for(tiny_splits)
    optimiser = shared_optimiser(shared, RECIPES["sgd"])
    network = SPACE.codes.at(0 * SPACE.codes.radices)
    before = everything(shared, optimiser)
    with pytest.raises(ZeroDivisionError), Narrowing(shared, optimiser).narrowed([network]):
        raise ZeroDivisionError
    after = everything(shared, optimiser)
    assert all(torch.equal(a, b) for key in before for a, b in zip(before[key], after[key], strict=True))
