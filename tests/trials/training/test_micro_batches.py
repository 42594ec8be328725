import pytest
import torch
from torch import nn, optim

from trials.training.errors import OutOfMemoryError
from trials.training.micro_batches import MicroBatches


class Device:
    """Computes a loss of a linear layer for at most `capacity` images at a time."""

    def __init__(self, capacity):
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 2)
        self.capacity = capacity
        self.sizes = []

    def loss(self, images, targets):
        self.sizes.append(len(images))
        if len(images) > self.capacity:
            raise torch.OutOfMemoryError("too small")
        return nn.functional.cross_entropy(self.layer(images), targets)


def after_one_batch(capacity):
    device = Device(capacity)
    optimiser = optim.SGD(device.layer.parameters(), lr=0.1)
    micro_batches = MicroBatches(device.loss, optimiser)
    generator = torch.Generator().manual_seed(0)
    images, targets = torch.randn(8, 4, generator=generator), torch.arange(8) % 2
    return device, micro_batches.backward(images, targets), micro_batches, (images, targets)


def test_gradients_and_loss_are_those_of_the_whole_batch():
    whole, whole_loss, *_ = after_one_batch(8)
    cut, cut_loss, *_ = after_one_batch(3)
    torch.testing.assert_close(cut_loss, whole_loss)
    torch.testing.assert_close(cut.layer.weight.grad, whole.layer.weight.grad)
    assert whole.sizes == [8]
    assert cut.sizes == [8, 4, 2, 2, 2, 2]


def test_the_number_of_micro_batches_is_remembered():
    device, _, micro_batches, batch = after_one_batch(4)
    device.sizes.clear()
    micro_batches.backward(*batch)
    assert device.sizes == [4, 4]


def test_one_image_that_does_not_fit_is_an_error():
    with pytest.raises(OutOfMemoryError, match="one image at a time"):
        after_one_batch(0)
