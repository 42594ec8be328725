"""`Slice`: the part of a shared tensor that one network uses: first channels of a part, centre of kernels."""

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

    def of(self, tensor: Tensor) -> Tensor:
        """Return the weight: a view of the shared tensor, or a copy where it has several parts."""
        for dim, (ranges, size) in enumerate(zip(self.ranges, self.shape, strict=True)):
            if len(ranges) > 1:
                tensor = torch.cat([tensor.narrow(dim, start, stop - start) for start, stop in ranges], dim)
            elif ranges != ((0, size),):
                ((start, stop),) = ranges
                tensor = tensor.narrow(dim, start, stop - start)
        return tensor

    def within(self, other: "Slice") -> "Slice":
        """Return where it lies in the weight that another slice of the same tensor is, and that holds it."""
        ranges = []
        for own, outer in zip(self.ranges, other.ranges, strict=True):
            found: list[Range] = []
            begin = 0
            for start, stop in outer:
                for a, b in own:
                    if max(a, start) < min(b, stop):
                        _append(found, max(a, start) - start + begin, min(b, stop) - start + begin)
                begin += stop - start
            ranges.append(tuple(found))
        return Slice(self.key, tuple(ranges), other.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape of the weight."""
        return tuple(sum(stop - start for start, stop in ranges) for ranges in self.ranges)

    def put(self, tensor: Tensor, weight: Tensor) -> None:
        """Copy the weight to where it lies in the shared tensor."""
        places = []
        for ranges in self.ranges:
            begin, found = 0, []
            for start, stop in ranges:
                found.append((slice(start, stop), slice(begin, begin + stop - start)))
                begin += stop - start
            places.append(found)
        for box in itertools.product(*places):
            tensor[tuple(there for there, _ in box)].copy_(weight[tuple(here for _, here in box)])


def cover_of(slices: Sequence[Slice]) -> Slice:
    """Return the smallest slice that holds several of one tensor, at least one."""
    ranges = []
    for dim in range(len(slices[0].shape)):
        found: list[Range] = []
        for start, stop in sorted({r for part in slices for r in part.ranges[dim]}):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(stop, found[-1][1]))
            else:
                found.append((start, stop))
        ranges.append(tuple(found))
    return Slice(slices[0].key, tuple(ranges), slices[0].shape)


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
            _append(found, start, start + size)
            begin += most
        ranges.append(tuple(found))
    return Slice(key, tuple(ranges), tuple(map(sum, large)))


def _append(ranges: list[Range], start: int, stop: int) -> None:
    """Append a range, as one with the last if it begins where that ends."""
    if ranges and ranges[-1][1] == start:
        ranges[-1] = (ranges[-1][0], stop)
    else:
        ranges.append((start, stop))
