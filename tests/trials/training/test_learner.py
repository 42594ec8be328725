import pytest
import torch
from torch import nn

from trials.training.batches import BatchSource, Preprocessor
from trials.training.errors import OutOfMemoryError
from trials.training.learner import Learner
from trials.training.optimisers import build_optimiser
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
EXACT = Recipe(name="exact", epochs=1, batch_size=32, warmup_epochs=0, precision="fp32", label_smoothing=0.0)


class Narrow(nn.Module):
    """A network that stands in for a device that holds `capacity` images at a time."""

    def __init__(self, capacity):
        super().__init__()
        self.layer = nn.Linear(192, 2)
        self.capacity = capacity
        self.seen = []

    def forward(self, images):
        if len(images) > self.capacity:
            raise torch.OutOfMemoryError("too small")
        self.seen.append(len(images))
        return self.layer(images.flatten(1))


def learner(network, splits, recipe=EXACT):
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    preprocess = Preprocessor(splits.mean, splits.std, 8, CPU)
    return Learner(
        network, recipe, BatchSource(splits.train, CPU), preprocess, classes=2, seed=0, teacher=None
    )


def nothing():
    pass


@pytest.mark.parametrize("capacity", [2, 5, 8, 31])
def test_a_batch_that_does_not_fit_is_cut_and_steps_as_the_whole_one(tiny_splits, capacity):
    narrow, wide = Narrow(capacity), Narrow(32)
    losses = [learner(network, tiny_splits).learn(1, nothing) for network in (narrow, wide)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(narrow.layer.weight, wide.layer.weight, rtol=1e-4, atol=1e-5)
    assert max(narrow.seen) <= capacity
    assert len(wide.seen) == 3


def test_a_batch_once_cut_stays_cut(tiny_splits):
    network = Narrow(8)
    learner(network, tiny_splits).learn(1, nothing)
    assert network.seen == [8] * 12


def test_too_little_memory_for_two_images_fails_with_its_reason(tiny_splits):
    with pytest.raises(OutOfMemoryError, match=r"2 images at a time.*may help"):
        learner(Narrow(1), tiny_splits).learn(1, nothing)


def test_others_get_a_turn_after_every_step(tiny_splits):
    turns = []
    learner(Narrow(32), tiny_splits).learn(1, lambda: turns.append(1))
    assert len(turns) == 3


def test_vectors_have_no_weight_decay(small_network):
    network = small_network()
    decays = {
        id(parameter): group["weight_decay"]
        for group in build_optimiser(network, EXACT).param_groups
        for parameter in group["params"]
    }
    for name, parameter in network.named_parameters():
        assert decays[id(parameter)] == (EXACT.weight_decay if parameter.ndim > 1 else 0.0), name


def test_an_epoch_of_fewer_images_takes_others_each_time(tiny_splits):
    network = Narrow(32)
    few = learner(network, tiny_splits, EXACT.model_copy(update={"epoch_images": 40}))
    few.learn(1, nothing)
    assert network.seen == [20, 20]  # two batches of nearly one size, of at most 32
    orders = [
        BatchSource(tiny_splits.train, CPU).shuffled(32, torch.Generator().manual_seed(epoch), 40)
        for epoch in (1, 2)
    ]
    assert set(torch.cat(list(orders[0])).tolist()) != set(torch.cat(list(orders[1])).tolist())
