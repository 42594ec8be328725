"""What is computed in bfloat16 is what float32 gives, but for rounding."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trials.precision import autocast
from trials.recipe import Recipe

CPU = torch.device("cpu")
BF16 = Recipe(name="bf16", epochs=1, precision="bf16", warmup_epochs=0)


@pytest.mark.parametrize(
    ("channels", "side", "kernel", "dilation"),
    [(32, 40, 3, 2), (64, 40, 7, 2), (32, 40, 5, 2), (32, 40, 7, 1), (96, 16, 7, 1)],
)
def test_depthwise_weight_gradients_are_those_of_float32(channels, side, kernel, dilation):
    torch.manual_seed(0)
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(
        channels, channels, kernel, padding=padding, dilation=dilation, groups=channels, bias=False
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(32, channels, side, side).to(memory_format=torch.channels_last).requires_grad_()
    with autocast(BF16, CPU):
        out = conv(images)
    assert out.dtype == torch.bfloat16
    towards = torch.randn_like(out)
    out.backward(towards)
    weight = conv.weight.detach().clone().requires_grad_()
    exact = F.conv2d(images.detach(), weight, padding=padding, dilation=dilation, groups=channels)
    exact.backward(towards.float())
    assert conv.weight.grad is not None
    assert weight.grad is not None
    # bfloat16 keeps eight bits: a sum of many rounded products stays within two per cent.
    assert (conv.weight.grad - weight.grad).abs().max() <= 0.02 * weight.grad.abs().max()
