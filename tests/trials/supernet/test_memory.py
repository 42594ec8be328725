"""The memory that a training takes: near what is really kept, and too little is said in one line."""

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from tests.trials.supernet.supernets import SPACE, TRAINING, recipe_of, shared_for
from trials.supernet.memory import forecast_memory
from trials.supernet.step_networks import StepNetworks
from trials.training.errors import OutOfMemoryError
from trials.training.free_memory import free_memory


def forecast_for(shared, rule="sandwich"):
    networks = StepNetworks(
        SPACE, recipe_of(rule), None, num_classes=shared.num_classes, in_channels=shared.in_channels, seed=0
    )
    return forecast_memory(shared.layout, networks, recipe_of(rule))


def test_the_forecast_is_near_what_a_backward_pass_keeps(tiny_splits):
    shared = shared_for(tiny_splits)
    forecast = forecast_for(shared)
    assert forecast.weights == 4 * sum(tensor.numel() for tensor in shared.tensors.values())
    largest = max(shared.layout.largest, key=lambda network: network.stages[-1].channels)
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    side = SPACE.resolution[-1]
    network = SPACE.architecture({**SPACE.params(largest), "resolution": side})
    held = {tensor.untyped_storage().data_ptr() for tensor in shared.tensors.values()}
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        shared(network, torch.randn(TRAINING.batch_size, 3, side, side))
    real = sum(size for place, size in kept.items() if place not in held)
    assert 0.5 * real < forecast.activations < 2 * real


def test_too_little_memory_says_how_large_the_largest_network_may_be(tiny_splits):
    forecast = forecast_for(shared_for(tiny_splits))
    forecast.check(None)
    forecast.check(forecast.total)
    with pytest.raises(OutOfMemoryError, match=r"The largest network may have about [\d.]+[kM]? MACs"):
        forecast.check(forecast.total - 1)
    with pytest.raises(OutOfMemoryError, match="Not even its smallest"):
        forecast.check(forecast.weights)


def test_the_free_memory_of_this_machine_is_known():
    free = free_memory(torch.device("cpu"))
    assert free is None or free > 2**20
