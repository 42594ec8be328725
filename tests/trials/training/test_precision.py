import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trials.training.precision import autocast
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
HALF = Recipe(name="half", epochs=1, warmup_epochs=0, precision="bf16")
FULL = Recipe(name="full", epochs=1, warmup_epochs=0, precision="fp32")


def heads(seed):
    return torch.randn(2, 2, 9, 8, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def attend(recipe, queries, keys, values):
    with autocast(recipe, CPU):
        return F.scaled_dot_product_attention(queries, keys, values)


def test_matrix_products_run_in_the_recipes_precision():
    for recipe, expected in ((HALF, torch.bfloat16), (FULL, torch.float32)):
        with autocast(recipe, CPU):
            assert F.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_on_the_cpu_is_exact_and_keeps_its_type(dtype):
    given = [heads(seed).to(dtype) for seed in range(3)]
    attended = attend(HALF, *given)
    exact = F.scaled_dot_product_attention(*(heads.float() for heads in given))
    assert attended.dtype == dtype
    assert torch.equal(attended, exact.to(dtype))


def test_gradients_pass_through_attention():
    one, other = [heads(seed) for seed in range(3)], [heads(seed) for seed in range(3)]
    attend(HALF, *one).square().sum().backward()
    attend(FULL, *other).square().sum().backward()
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a.grad, b.grad)


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
    with autocast(HALF, CPU):
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
