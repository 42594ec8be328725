"""Fake quantisation: numbers of int8 in products, gradients straight through, nothing left behind."""

import pytest
import torch
from torch import nn

import search_spaces
from tests.nas.exports.networks import every_part
from trials.quantisation.fake_int8_network import FakeInt8Network
from trials.quantisation.fake_quantisation import fake_quantised, rounded_activations, rounded_weights

PARTS = every_part()


def levels(x: torch.Tensor) -> int:
    return len(x.unique())


def test_activations_take_at_most_256_values_zero_among_them() -> None:
    x = torch.randn(4000, generator=torch.Generator().manual_seed(0)) + 1
    found = rounded_activations(torch.cat([x, torch.zeros(1)]))
    step = (x.max() - x.min().clamp(max=0)) / 255
    assert levels(found) <= 256
    assert found[-1] == 0
    assert (found[:-1] - x).abs().max() <= 0.51 * step + step  # the ends move by the rounding of zero


@pytest.mark.parametrize("shape", [(6, 3, 3, 3), (6, 1, 5, 5), (4, 7)])
def test_each_output_channel_of_weights_has_a_scale_of_its_own(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    factors = torch.logspace(-3, 3, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    found = rounded_weights(weight * factors) / factors
    assert torch.allclose(found, rounded_weights(weight), atol=1e-6)
    assert (found - weight).abs().max() <= weight.abs().max() / 127


def test_products_are_rounded_within_the_block_alone_and_gradients_pass() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 5))
    network.eval()
    images = torch.randn(4, 3, 8, 8)
    plain, before = network(images), {k: v.clone() for k, v in network.state_dict().items()}
    with fake_quantised(on=True):
        rounded = network(images)
    with fake_quantised(on=False):
        assert torch.equal(network(images), plain)
    assert not torch.equal(rounded, plain)
    assert torch.allclose(rounded, plain, atol=0.05)
    rounded.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


@pytest.mark.parametrize("name", PARTS)
def test_every_part_trains_under_fake_quantisation_and_computes_between_calibrated_values(name: str) -> None:
    architecture = PARTS[name]
    torch.manual_seed(0)
    network = search_spaces.build(architecture, num_classes=5).train()
    images = torch.randn(4, 3, architecture.resolution, architecture.resolution)
    with fake_quantised(on=True):
        scores = network(images)
    scores.square().sum().backward()
    for path, parameter in network.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.isfinite().all(), path
    fake = FakeInt8Network(network.eval(), images)(images)
    assert fake.isfinite().all()
    assert not torch.equal(fake, network(images))
