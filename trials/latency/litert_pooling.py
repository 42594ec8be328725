"""Rewrites means over windows for LiteRT, whose quantiser knows those of whole windows alone."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override


def with_whole_windows(network: nn.Module, image: Tensor) -> nn.Module:
    """Return a network that computes the same for images of one size, with means over whole windows alone.

    With `ceil_mode`, or without `count_include_pad`, `nn.AvgPool2d` leaves what lies beyond an edge out of a
    mean. Instead the map is padded with zeros, and each mean at the edge is multiplied by how much larger the
    whole window is than its part inside: a constant for a size.

    Args:
        network: Network in its inference form; it is left as it was.
        image: An image, [1, c, r, r].
    """
    sizes: dict[nn.Module, set[tuple[int, int]]] = {}

    def note(pool: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        height, width = inputs[0].shape[-2:]
        sizes.setdefault(pool, set()).add((height, width))

    found = copy.deepcopy(network)
    partial = [pool for pool in found.modules() if isinstance(pool, nn.AvgPool2d) and _leaves_out(pool)]
    hooks = [pool.register_forward_pre_hook(note) for pool in partial]
    with torch.no_grad():
        found(image)
    for hook in hooks:
        hook.remove()
    for parent in list(found.modules()):
        for name, pool in parent.named_children():
            if isinstance(pool, nn.AvgPool2d) and len(sizes.get(pool, ())) == 1:
                setattr(parent, name, _WholeWindows(pool, *next(iter(sizes[pool]))))
    return found


def _leaves_out(pool: nn.AvgPool2d) -> bool:
    return pool.ceil_mode or not pool.count_include_pad


class _WholeWindows(nn.Module):
    """Computes what a mean over windows does for maps of one size.

    Args:
        pool: Mean over windows.
        height: Height of the maps.
        width: Their width.
    """

    factor: Tensor | None

    def __init__(self, pool: nn.AvgPool2d, height: int, width: int) -> None:
        super().__init__()
        kernel, stride, padding = (_pair(size) for size in (pool.kernel_size, pool.stride, pool.padding))
        self.mean = nn.AvgPool2d(kernel, stride)
        ones = torch.ones(1, 1, height, width)
        expected = pool(ones)
        after = [
            max(0, (count - 1) * step + window - size - before)
            for count, step, window, size, before in zip(
                expected.shape[2:], stride, kernel, (height, width), padding, strict=True
            )
        ]
        self.padding = (padding[1], after[1], padding[0], after[0])
        factor = expected / self.mean(F.pad(ones, self.padding))  # [1, 1, h, w]
        self.register_buffer("factor", None if bool((factor == 1).all()) else factor)

    @override
    def forward(self, x: Tensor) -> Tensor:
        means = self.mean(F.pad(x, self.padding) if any(self.padding) else x)  # [b, c, h, w]
        return means if self.factor is None else means * self.factor


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
