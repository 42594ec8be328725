"""Fake quantisation in training: products of layers are computed with the numbers that int8 can hold.

Jacob et al., 2018, https://arxiv.org/abs/1712.05877. Weights are rounded to int8 with one scale for each
output channel, activations to uint8 between the least and the largest value of the batch; gradients pass
unchanged (straight-through). Scales of BatchNorm are left out of the weights: a factor for each channel
changes no rounding with one scale for each channel. Nothing remains in the network after training.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from typing_extensions import override

_LEVELS: Final = 255  # of uint8 above the least
_LARGEST: Final = 127  # of int8, which is used symmetrically
_SMALLEST: Final = 1e-12  # scale
_WITH_WEIGHTS: Final[tuple[Callable[..., Any], ...]] = (torch.conv2d, F.linear)
_PRODUCTS: Final[tuple[Callable[..., Any], ...]] = (torch.matmul, torch.bmm, Tensor.matmul, Tensor.__matmul__)


@contextmanager
def fake_quantised(*, on: bool) -> Iterator[None]:
    """Compute convolutions, linear layers, matrix products and attention within the block as int8 does.

    Args:
        on: Whether it does anything.
    """
    if not on:
        yield
        return
    with _Int8Products():
        yield


class _Int8Products(TorchFunctionMode):
    """Rounds what enters products, and what leaves linear layers, matrix products and BatchNorm.

    A convolution is followed by BatchNorm as a rule, and both are one when deployed.
    """

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in _WITH_WEIGHTS and len(args) > 1:
            args = (rounded_activations(args[0]), rounded_weights(args[1]), *args[2:])
        elif func in _PRODUCTS:
            args = (*map(rounded_activations, args[:2]), *args[2:])
        elif func is F.scaled_dot_product_attention:
            args = (*map(rounded_activations, args[:3]), *args[3:])
        found = func(*args, **given)
        rounds = func in (F.linear, F.batch_norm, F.scaled_dot_product_attention, *_PRODUCTS)
        return rounded_activations(found) if rounds else found


def rounded_activations(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return activations as uint8 holds them between their least and largest value, and zero."""
    values = x.detach().float()
    low, high = values.amin().clamp(max=0), values.amax().clamp(min=0)
    scale = ((high - low) / _LEVELS).clamp_min(_SMALLEST)
    zero = (-low / scale).round().clamp(0, _LEVELS).int()
    return torch.fake_quantize_per_tensor_affine(x.float(), scale, zero, 0, _LEVELS).to(x.dtype)


def rounded_weights(weight: Float[Tensor, "out ..."]) -> Float[Tensor, "out ..."]:
    """Return weights as int8 holds them, with one scale for each output channel."""
    scale = (weight.detach().float().flatten(1).abs().amax(1) / _LARGEST).clamp_min(_SMALLEST)
    zero = torch.zeros_like(scale, dtype=torch.int32)
    rounded = torch.fake_quantize_per_channel_affine(weight.float(), scale, zero, 0, -_LARGEST, _LARGEST)
    return rounded.to(weight.dtype)
