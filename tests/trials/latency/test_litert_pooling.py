"""Means over windows are rewritten for LiteRT without a change of what they compute."""

import pytest
import torch
from torch import nn

from trials.latency.litert_pooling import with_whole_windows

POOLS = [
    nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
    nn.AvgPool2d(4, ceil_mode=True),
    nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
    nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True),
    nn.AvgPool2d((3, 2), stride=(2, 1), ceil_mode=True),
    nn.AvgPool2d(2, stride=3, ceil_mode=True),
]


@pytest.mark.parametrize("pool", POOLS, ids=repr)
@pytest.mark.parametrize("size", [(6, 6), (7, 9), (5, 8), (13, 10)])
def test_means_of_whole_windows_are_the_same_numbers(pool: nn.AvgPool2d, size: tuple[int, int]):
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), pool).eval()
    images = torch.randn(2, 3, *size)
    found = with_whole_windows(network, images[:1])
    assert found(images).shape == network(images).shape
    assert torch.allclose(found(images), network(images), atol=1e-6)
    means = [module for module in found.modules() if isinstance(module, nn.AvgPool2d)]
    assert means
    assert not any(mean.ceil_mode or mean.padding != 0 for mean in means)
    assert network[1] is pool  # the network itself is left as it was


def test_a_mean_whose_windows_are_whole_needs_no_factor():
    network = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False))
    found = with_whole_windows(network, torch.zeros(1, 1, 8, 8))
    assert dict(found.named_buffers()) == {}


def test_a_mean_of_maps_of_two_sizes_stays_as_it_is():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = nn.AvgPool2d(2, ceil_mode=True)

        def forward(self, x):
            return self.pool(self.pool(x))

    found = with_whole_windows(Twice(), torch.zeros(1, 1, 7, 7))
    assert [type(module) for module in found.children()] == [nn.AvgPool2d]
