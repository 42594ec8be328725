"""`Slice`: the part of a shared tensor that one network uses: first channels of each part, centre of kernels."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

Parts: TypeAlias = tuple[int, ...]
"""Sizes of the parts that stand one after another along one dimension of a tensor; mostly one."""
Range: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Slice:
    """Where a network's weight lies in a shared tensor.

    Attributes:
        key: Name of the shared tensor.
        ranges: For each dimension the ranges [start, stop) that it uses, one after another.
        shape: Shape of the shared tensor.
    """

    key: str
    ranges: tuple[tuple[Range, ...], ...]
    shape: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether it is all of the tensor."""
        return all(ranges == ((0, size),) for ranges, size in zip(self.ranges, self.shape, strict=True))

    @property
    def numel(self) -> int:
        """The number of its entries."""
        count = 1
        for ranges in self.ranges:
            count *= sum(stop - start for start, stop in ranges)
        return count

    def of(self, tensor: Tensor) -> Tensor:
        """Return the weight: a view of the shared tensor, or a copy where it has several parts."""
        for dim, (ranges, size) in enumerate(zip(self.ranges, self.shape, strict=True)):
            if len(ranges) > 1:
                tensor = torch.cat([tensor.narrow(dim, start, stop - start) for start, stop in ranges], dim)
            elif ranges != ((0, size),):
                ((start, stop),) = ranges
                tensor = tensor.narrow(dim, start, stop - start)
        return tensor

    def boxes(self) -> list[tuple[slice, ...]]:
        """Return its entries as boxes that can be indexed."""
        return [tuple(slice(*r) for r in box) for box in itertools.product(*self.ranges)]


def slice_of(key: str, large: Sequence[Parts], small: Sequence[Parts], *, kernel_from: int) -> Slice:
    """Return where a small tensor lies in a large one.

    Args:
        key: Name of the large tensor.
        large: Parts of the large tensor along each dimension.
        small: Parts of the small one; as many, none larger.
        kernel_from: First dimension of a convolution's kernel, which is cropped at the centre; the number of
            dimensions where there is none.

    Raises:
        ValueError: if the small tensor does not lie in the large one.
    """
    if list(map(len, large)) != list(map(len, small)):
        raise ValueError(f"it has the parts {small}, expected {large}")
    ranges = []
    for dim, (whole, parts) in enumerate(zip(large, small, strict=True)):
        found: list[Range] = []
        begin = 0
        for most, size in zip(whole, parts, strict=True):
            start = begin + ((most - size) // 2 if dim >= kernel_from else 0)
            if size > most or (dim >= kernel_from and (most - size) % 2):
                raise ValueError(f"it has the parts {small}, which do not lie in {large}")
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], start + size)
            else:
                found.append((start, start + size))
            begin += most
        ranges.append(tuple(found))
    return Slice(key, tuple(ranges), tuple(map(sum, large)))
