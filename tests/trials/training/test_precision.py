import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trials.training import precision
from trials.training.precision import autocast, computed_precision, quantises
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
HALF = Recipe(name="half", epochs=1, warmup_epochs=0, precision="bf16")
FULL = Recipe(name="full", epochs=1, warmup_epochs=0, precision="fp32")
HAS_BFLOAT16 = precision.has_bfloat16(CPU)


@pytest.fixture(autouse=True)
def _bfloat16_on_every_cpu(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: True)


def test_a_device_without_bfloat16_computes_in_float32(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: False)
    with autocast(HALF, CPU):
        assert F.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype == torch.float32
    assert computed_precision(HALF, CPU) == "fp32"


def test_a_recipe_in_float32_is_computed_in_it_everywhere():
    assert computed_precision(HALF, CPU) == "bf16"
    assert computed_precision(FULL, CPU) == "fp32"


@pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="not an x86 CPU")
def test_x86_cpus_have_bfloat16_with_avx512():
    assert (torch.backends.cpu.get_cpu_capability() == "AVX512") == HAS_BFLOAT16


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


@pytest.mark.skipif(not HAS_BFLOAT16, reason="this CPU has no bfloat16, torch adds in it and is less exact")
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize(
    ("channels", "side", "kernel", "how"),
    [
        (32, 40, 3, {"dilation": 2}),
        (64, 40, 7, {"dilation": 2}),
        (32, 40, 5, {"dilation": 2}),
        (32, 40, 7, {}),
        (96, 16, 7, {}),
        (8, 17, 3, {"stride": 2}),
        (8, 17, 5, {"stride": 2}),
        (8, 16, 4, {"stride": 2, "padding": 1}),
        (8, 16, 2, {"stride": 2, "padding": 0}),
        (8, 17, 3, {"stride": 2, "dilation": 2}),
        (8, 13, 5, {"dilation": 3}),
        (8, 13, (1, 11), {"padding": (0, 5)}),
        (8, 13, (11, 1), {"padding": (5, 0)}),
        (8, 13, (3, 7), {"padding": (1, 3), "dilation": (1, 2)}),
        (8, 9, 5, {"padding": 0}),
        (8, 9, 5, {"padding": 6}),
        (8, 2, 7, {}),
        (8, 2, 7, {"dilation": 2}),
        (8, 1, 5, {}),
        (8, 3, 7, {"stride": 2}),
        (8, 3, 13, {"dilation": 1, "stride": 3}),
    ],
)
def test_depthwise_gradients_are_those_of_float32(channels, side, kernel, how, layout):
    torch.manual_seed(0)
    if "padding" not in how:
        how = {**how, "padding": how.get("dilation", 1) * (kernel // 2)}
    conv = nn.Conv2d(channels, channels, kernel, groups=channels, **how)
    assert conv.bias is not None
    learnt = conv.weight, conv.bias
    conv.to(memory_format=layout)  # type: ignore[call-overload]
    images = torch.randn(32, channels, side, side).to(memory_format=layout).requires_grad_()
    with autocast(HALF, CPU):
        out = conv(images)
    assert out.dtype == torch.bfloat16
    towards = torch.randn_like(out)
    seen = torch.autograd.grad(out, (images, *learnt), towards)
    plain = conv(images)
    exact = torch.autograd.grad(plain, (images, *learnt), towards.float())
    # bfloat16 keeps eight bits: a sum of many rounded products stays within two per cent.
    for ours, other in ((out, plain), *zip(seen, exact, strict=True)):
        assert (ours - other).abs().max() <= 0.02 * other.abs().max()


def test_depthwise_gradients_are_not_computed_for_what_does_not_learn():
    conv = nn.Conv2d(8, 8, 5, padding=2, groups=8)
    conv.weight.requires_grad_(False)
    with autocast(HALF, CPU):
        conv(torch.randn(2, 8, 6, 6)).sum().backward()
    assert conv.weight.grad is None
    assert conv.bias is not None
    assert conv.bias.grad is not None


@pytest.mark.parametrize(
    ("share", "epochs", "first"),
    [(0.0, 4, 1), (0.5, 4, 3), (0.7, 10, 8), (0.99, 6, 6), (0.1, 1, 1), (1.0, 6, None)],
)
def test_the_last_share_of_the_epochs_is_fake_quantised(share, epochs, first):
    recipe = Recipe(name="own", epochs=epochs, warmup_epochs=0, fake_quant_from=share)
    quantised = [epoch for epoch in range(1, epochs + 1) if quantises(recipe, epoch)]
    assert quantised == ([] if first is None else [*range(first, epochs + 1)])
