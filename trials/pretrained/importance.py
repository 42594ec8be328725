"""Which channels of a trained network matter most, by the norms of the weights that make and read them."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from trials.pretrained.channel_spaces import Dims, Space


def importance(
    weights: Mapping[str, Tensor], spaces: Mapping[str, Dims]
) -> dict[Space, Float[Tensor, " channels"]]:
    """Return how much each channel of each space matters, the higher the more.

    A channel matters as much as the convolutions and linear layers that read it make of it, the sum of its
    absolute weights, times what the norms let through of it. Sums are in units of their mean, so that each
    layer counts the same. Reading weights tell more than writing ones, whose size a norm behind them undoes
    (Cai et al., 2020, https://arxiv.org/abs/1908.09791, sorts by the same sums).
    """
    read: dict[Space, list[Tensor]] = {}
    written: dict[Space, list[Tensor]] = {}
    passed: dict[Space, list[Tensor]] = {}
    for name, dims in spaces.items():
        tensor = weights[name].float()
        if tensor.ndim > 1:
            sums = [tensor.abs().sum(dim=[d for d in range(tensor.ndim) if d != dim]) for dim in (0, 1)]
            _note(read, dims[1].root, sums[1])
            _note(written, dims[0].root, sums[0])
        elif tensor.ndim == 1 and name.endswith("weight"):
            bias = weights.get(f"{name.removesuffix('weight')}bias", torch.zeros(()))
            _note(passed, dims[0].root, (tensor.square() + bias.float().square()).sqrt())
    found = {}
    for space in {*read, *written, *passed}:
        value = _mean(read.get(space) or written.get(space) or [torch.ones(space.size)])
        found[space] = value * _mean(passed.get(space) or [torch.ones(space.size)])
    return found


def _note(found: dict[Space, list[Tensor]], space: Space, values: Tensor) -> None:
    """Note the values of a space's channels, for each of its parts apart."""
    if space.size <= 1 or space.size != len(values):
        return
    if not space.parts:
        found.setdefault(space, []).append(values / values.mean().clamp(min=1e-12))
        return
    start = 0
    for part in space.parts:
        _note(found, part.root, values[start : start + part.size])
        start += part.size


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean(dim=0)
