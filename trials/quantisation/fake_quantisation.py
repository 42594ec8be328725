"""Fake quantisation: a network computes in float what its int8 form computes, at the same places.

Jacob et al., 2018, https://arxiv.org/abs/1712.05877. Weights are rounded to int8 with one scale for each
output channel, activations to uint8 between two values; gradients pass unchanged (straight-through). What is
rounded where is what `static_int8` makes of the exported graph. Scales of BatchNorm are left out of the
weights of convolutions: a factor for each channel changes no rounding with one scale for each channel.
Nothing remains in the network after training.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from search_spaces.weight_bits import LARGEST, SHARING
from trials.quantisation.int8_places import Int8Places, Rounding

_LEVELS: Final = 255  # of uint8 above the least
_LARGEST: Final = 127  # of int8, which is used symmetrically
_SMALLEST: Final = 1e-12  # scale


@contextmanager
def fake_quantised(network: nn.Module | None = None, *, on: bool) -> Iterator[None]:
    """Compute within the block as int8 does, activations between the least and largest value of the batch.

    Args:
        network: The network that computes, whose marked blocks have weights of 4 bits; None for one without.
        on: Whether it does anything.
    """
    if not on:
        yield
        return
    with Int8Places(_OfEachBatch(), network):
        yield


class Ranges:
    """Least and largest values of the activations of a network, in the order in which it rounds them.

    Args:
        network: The network.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self.found: list[tuple[Tensor, Tensor]] = []

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Widen the ranges by what passes within the block, one call of the network.

        Weights of 4 bits alone are rounded, as the exporter rounds them before it calibrates.
        """
        with Int8Places(_Observing(self), self._network):
            yield

    @contextmanager
    def held(self) -> Iterator[None]:
        """Compute within the block, one call of the network, as int8 does between these values."""
        with Int8Places(_Calibrated(self), self._network):
            yield


class _OfEachBatch(Rounding):
    """Rounds to what int8 holds, activations between the ends of the batch."""

    @override
    def activations(self, x: Tensor) -> Tensor:
        return rounded_activations(x)

    @override
    def shares(self, x: Tensor) -> Tensor:
        return _between(x, *x.new_tensor([0.0, 1.0]))

    @override
    def weights(self, weight: Tensor) -> Tensor:
        return rounded_weights(weight)

    @override
    def packed_weights(self, weight: Tensor) -> Tensor:
        return packed_weights(weight)


class _Observing(Rounding):
    def __init__(self, ranges: Ranges) -> None:
        self._ranges, self._calls = ranges, 0

    @override
    def activations(self, x: Tensor) -> Tensor:
        low, high = ends(x)
        if self._calls == len(self._ranges.found):
            self._ranges.found.append((low, high))
        before = self._ranges.found[self._calls]
        self._ranges.found[self._calls] = torch.minimum(low, before[0]), torch.maximum(high, before[1])
        self._calls += 1
        return x.view_as(x)  # as rounding does: another tensor

    @override
    def shares(self, x: Tensor) -> Tensor:
        return x.view_as(x)

    @override
    def weights(self, weight: Tensor) -> Tensor:
        return weight

    @override
    def packed_weights(self, weight: Tensor) -> Tensor:
        return packed_weights(weight)


class _Calibrated(_OfEachBatch):
    """The same, activations between the ends that were observed."""

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = iter(ranges.found)

    @override
    def activations(self, x: Tensor) -> Tensor:
        return _between(x, *next(self._ranges))


def rounded_activations(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return activations as uint8 holds them between their least and largest value, and zero."""
    return _between(x, *ends(x))


def rounded_weights(weight: Float[Tensor, "out ..."]) -> Float[Tensor, "out ..."]:
    """Return weights as int8 holds them, with one scale for each output channel; vectors have one scale."""
    whole = weight if weight.dim() > 1 else weight.unsqueeze(0)
    scale = (whole.detach().float().flatten(1).abs().amax(1) / _LARGEST).clamp_min(_SMALLEST)
    zero = torch.zeros_like(scale, dtype=torch.int32)
    rounded = torch.fake_quantize_per_channel_affine(whole.float(), scale, zero, 0, -_LARGEST, _LARGEST)
    return rounded.to(weight.dtype).reshape(weight.shape)


def packed_weights(weight: Float[Tensor, "out ..."]) -> Float[Tensor, "out ..."]:
    """Return weights as 4 bits hold them, with one scale for every 32 of an output channel."""
    rows = weight.float().flatten(1)
    parts = F.pad(rows, (0, -rows.shape[1] % SHARING)).reshape(-1, SHARING)
    scale = (parts.detach().abs().amax(1) / LARGEST).clamp_min(_SMALLEST)
    zero = torch.zeros_like(scale, dtype=torch.int32)
    rounded = torch.fake_quantize_per_channel_affine(parts, scale, zero, 0, -LARGEST, LARGEST)
    return rounded.reshape(len(rows), -1)[:, : rows.shape[1]].to(weight.dtype).reshape(weight.shape)


def ends(x: Float[Tensor, "..."]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the least and the largest value, of which the one is at most and the other at least zero."""
    values = x.detach().float()
    return values.amin().clamp(max=0), values.amax().clamp(min=0)


def _between(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    scale = ((high - low).float() / _LEVELS).clamp_min(_SMALLEST)
    zero = (-low / scale).round().clamp(0, _LEVELS).int()
    return torch.fake_quantize_per_tensor_affine(x.float(), scale, zero, 0, _LEVELS).to(x.dtype)
