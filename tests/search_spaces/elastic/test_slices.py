"""Slices of shared tensors: first entries of each part, the centre of kernels, one within another."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.elastic.slices import Slice, cover_of, slice_of


@st.composite
def nested_parts(draw):
    """Return the parts of a large tensor and those of two small ones, along a channel and a kernel axis."""
    parts = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    kernel = draw(st.sampled_from([1, 3, 5]))

    def smaller():
        channels = tuple(draw(st.integers(1, size)) for size in parts)
        return channels, (draw(st.sampled_from([k for k in (1, 3, 5) if k <= kernel])),)

    return (tuple(parts), (kernel,)), smaller(), smaller()


@given(nested_parts())
def test_a_slice_has_the_first_of_each_part_and_the_centre_of_the_kernel(drawn):
    large, small, _ = drawn
    part = slice_of("w", large, small, kernel_from=1)
    tensor = torch.arange(sum(large[0]) * large[1][0]).reshape(sum(large[0]), large[1][0])
    margin = (large[1][0] - small[1][0]) // 2
    rows = []
    for whole, size in zip(torch.arange(sum(large[0])).split(large[0]), small[0], strict=True):
        rows += whole[:size].tolist()
    assert torch.equal(part.of(tensor), tensor[rows][:, margin : margin + small[1][0]])
    assert part.sizes == part.of(tensor).shape
    copy = torch.full_like(tensor, -1)
    part.put(copy, part.of(tensor))
    assert torch.equal(part.of(copy), part.of(tensor))
    assert (copy >= 0).sum() == part.of(tensor).numel()
    assert part.whole == (small == large)


@given(nested_parts())
def test_a_cover_holds_its_slices_and_they_are_found_within_it(drawn):
    large, *small = drawn
    slices = [slice_of("w", large, parts, kernel_from=1) for parts in small]
    cover = cover_of(slices)
    tensor = torch.arange(sum(large[0]) * large[1][0]).reshape(sum(large[0]), large[1][0])
    for part in slices:
        assert torch.equal(part.within(cover).of(cover.of(tensor)), part.of(tensor))
    assert cover_of([cover, *slices]) == cover
    assert cover_of(slices[:1]) == slices[0]


def test_what_does_not_lie_in_a_tensor_is_refused():
    for small in [((5,), (3,)), ((4,), (2,)), ((2, 2), (3,))]:
        with pytest.raises(ValueError, match="parts"):
            slice_of("w", ((4,), (3,)), small, kernel_from=1)


def test_a_whole_slice_is_the_tensor_itself():
    tensor = torch.zeros(3, 2)
    assert Slice("w", (((0, 3),), ((0, 2),)), (3, 2)).of(tensor) is tensor
