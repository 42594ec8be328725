"""Mixed precision: autocast to bfloat16 where a device has it, except for what CPUs compute badly in it."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from trials.quantisation.fake_quantisation import fake_quantised
from trials.training.depthwise_gradients import FAST_COLUMNS, Pair, depthwise_conv2d
from trials.training.recipe import Recipe


def computed_precision(recipe: Recipe, device: torch.device) -> Literal["bf16", "fp32"]:
    """Return the precision a device computes a recipe in: the recipe's, ``fp32`` where it has no bfloat16."""
    return "bf16" if recipe.precision == "bf16" and has_bfloat16(device) else "fp32"


@cache
def has_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 is worth computing in on a device.

    A CPU that oneDNN has no bfloat16 for, as x86 without AVX512, takes 4 to 14 times as long in it as in
    float32, see ``tests/benchmarks/results/cpu_precision.md``. GPUs before NVIDIA's Ampere emulate it.
    """
    if device.type == "cpu":
        one_dnn = torch.backends.mkldnn.is_available()
        return bool(one_dnn and torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 -- no public one
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return True


@contextmanager
def autocast(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """Compute in `computed_precision` inside the ``with`` block."""
    if computed_precision(recipe, device) == "fp32":
        yield
    elif device.type == "cpu":
        with torch.autocast("cpu", dtype=torch.bfloat16), _BetterOnTheCpu():
            yield
    else:
        # a graph casts its weights itself: casts kept from before its capture would be those of old weights
        with torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False):
            yield


@contextmanager
def trained_numbers(
    recipe: Recipe, device: torch.device, epoch: int, network: nn.Module | None = None
) -> Iterator[None]:
    """Compute in the numbers of a recipe's training steps inside the block.

    Args:
        recipe: The recipe.
        device: Device that trains.
        epoch: The epoch, counted from 1.
        network: Network whose marked blocks have weights of 4 bits; None for one without.
    """
    with autocast(recipe, device), fake_quantised(network, on=quantises(recipe, epoch)):
        yield


def quantises(recipe: Recipe, epoch: int) -> bool:
    """Return whether the steps of an epoch, counted from 1, are fake-quantised."""
    return recipe.fake_quant_from < 1 and epoch > math.floor(recipe.fake_quant_from * recipe.epochs)


class _BetterOnTheCpu(TorchFunctionMode):
    """Computes in another way the operations that the CPU does badly in bfloat16 (torch 2.13).

    * Fused attention, in float32: its backward pass takes 9 to 12 times as long in bfloat16 (32 x 4 heads of
      16 features at 144 positions: 92 ms against 8 ms).
    * Depthwise convolution: its gradients are slow or wrong, see `depthwise_gradients`.
    """

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.conv2d:
            convolution = _depthwise(*args, **kwargs)
            return func(*args, **kwargs) if convolution is None else depthwise_conv2d(*convolution)
        if func is not F.scaled_dot_product_attention:
            return func(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            floats = [a.float() if isinstance(a, Tensor) else a for a in args]
            return func(*floats, **kwargs).to(args[0].dtype)


def _depthwise(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Tensor, Tensor, Tensor | None, Pair, Pair, Pair] | None:
    """Return the arguments of `depthwise_conv2d` for a call of conv2d whose gradients are slow or wrong."""
    if not groups == len(weight) == images.shape[1] or images.dim() != 4 or isinstance(padding, str):
        return None
    pairs = [(one, one) if isinstance(one, int) else tuple(one) for one in (stride, padding, dilation)]
    if pairs[0] == pairs[2] == (1, 1) and weight.shape[3] <= FAST_COLUMNS:
        return None
    return images, weight, bias, pairs[0], pairs[1], pairs[2]
