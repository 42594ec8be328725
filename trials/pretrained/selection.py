"""Chooses the channels that a network takes of a donor's weights, and cuts the weights to them."""

from collections.abc import Mapping
from typing import Final

import torch
from jaxtyping import Int64
from torch import Tensor

from trials.pretrained.channel_spaces import Dims, Space
from trials.pretrained.importance import importance

Segments = tuple[int, ...]
"""Sizes of the parts that stand one after another along a dimension, such as q, k and v."""

_IMAGE_AXES: Final = 2  # the first dimension of a kernel


class Selection:
    """Which channels of a donor are taken, for each number of them; the same ones for all that share a space.

    Args:
        weights: The donor's weights.
        spaces: The spaces of their dimensions.
    """

    def __init__(self, weights: Mapping[str, Tensor], spaces: Mapping[str, Dims]) -> None:
        self._importance = importance(weights, spaces)
        self._kept: dict[tuple[Space, int], Tensor] = {}

    def channels(
        self, theirs: Space, ours: Space, segments: tuple[Segments, Segments] | None = None
    ) -> Int64[Tensor, " channels"]:
        """Return which of the donor's channels each of ours is, -1 for a new one.

        Args:
            theirs: The donor's space.
            ours: The space of the network that inherits.
            segments: Sizes of the parts of both, where their order matters; None for one part.
        """
        theirs, ours = theirs.root, ours.root
        if theirs.size == ours.size:
            return torch.arange(ours.size)
        if theirs.parts and len(theirs.parts) == len(ours.parts):
            chosen = [self.channels(a, b) for a, b in zip(theirs.parts, ours.parts, strict=True)]
            return _joined(chosen, [part.size for part in theirs.parts])
        if theirs.fixed or theirs.parts or theirs not in self._importance:
            wide, narrow = segments or ((theirs.size,), (ours.size,))
            return _joined([_first(a, b) for a, b in zip(wide, narrow, strict=True)], wide)
        return self._most_important(theirs, ours.size)

    def _most_important(self, space: Space, size: int) -> Tensor:
        if size > space.size:
            return _first(space.size, size)
        if (space, size) not in self._kept:
            order = torch.sort(self._importance[space], descending=True, stable=True).indices
            self._kept[space, size] = order[:size].sort().values
        return self._kept[space, size]


def cut(
    donor: Tensor, fresh: Tensor, channels: Mapping[int, Int64[Tensor, " channels"]]
) -> tuple[Tensor, int]:
    """Return a weight with what is taken of the donor's, and the number of values taken.

    Rows of new channels keep their fresh values, and what reads new channels is zero, so that they change
    nothing at first.

    Args:
        donor: The donor's weight.
        fresh: The network's own weight, of as many dimensions.
        channels: For each dimension but those of a kernel, which of the donor's channels ours are; -1 for a
            new one.
    """
    value = fresh.clone()
    rows = channels.get(0)
    if rows is None:
        return donor.reshape(fresh.shape).clone().to(fresh.dtype), donor.numel()
    old_rows = (rows >= 0).nonzero()[:, 0]
    kept = donor[rows[old_rows]]
    if fresh.ndim > 1:
        kept = kept[:, channels[1].clamp(min=0)]
        kept[:, channels[1] < 0] = 0.0
        value[:, channels[1] < 0] = 0.0
    new_columns = int((channels[1] < 0).sum()) if fresh.ndim > 1 else 0
    taken = kept
    for axis in range(_IMAGE_AXES, fresh.ndim):
        taken = _cropped(taken, axis, fresh.shape[axis])
    whole = taken
    for axis in range(_IMAGE_AXES, fresh.ndim):
        whole = _padded(whole, axis, fresh.shape[axis])
    value[old_rows] = whole.to(value.dtype)
    columns = fresh.shape[1] if fresh.ndim > 1 else 1
    return value, taken.numel() // columns * (columns - new_columns)


def _first(wide: int, narrow: int) -> Tensor:
    """Return the first channels, and -1 for more than there are."""
    found = torch.arange(narrow)
    found[wide:] = -1
    return found


def _joined(chosen: list[Tensor], sizes: tuple[int, ...] | list[int]) -> Tensor:
    """Return chosen channels of parts as channels of the whole."""
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return torch.cat([torch.where(c >= 0, c + s, c) for c, s in zip(chosen, starts, strict=True)])


def _cropped(tensor: Tensor, axis: int, size: int) -> Tensor:
    more = tensor.shape[axis] - size
    return tensor.narrow(axis, more // 2, size) if more > 0 else tensor


def _padded(tensor: Tensor, axis: int, size: int) -> Tensor:
    less = size - tensor.shape[axis]
    if less <= 0:
        return tensor
    shape = list(tensor.shape)
    shape[axis] = size
    whole = tensor.new_zeros(shape)
    whole.narrow(axis, less // 2, tensor.shape[axis]).copy_(tensor)
    return whole
