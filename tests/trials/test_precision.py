import pytest
import torch
from torch.nn import functional as F

from trials.precision import autocast
from trials.recipe import Recipe

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
