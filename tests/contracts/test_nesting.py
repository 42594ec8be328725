"""What every mixer and block owes to shared weights: what it says to nest does, part by part.

A narrower module, with a smaller kernel and expansion, gets its slices of a larger one, whose other entries
are then zero. On a map whose further channels are zero, the first channels of both are the same.
"""

import inspect
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from search_spaces.blocks import BLOCKS
from search_spaces.elastic.slices import slice_of
from search_spaces.mixers import MIXERS
from search_spaces.options import CHANNELS, keywords, nested_of, segments_of
from tests.contracts import test_blocks, test_mixers

NORMS = (nn.LayerNorm, nn.GroupNorm)  # over all channels: they see how many there are
UNEQUAL = {
    "partial_conv": "a narrower one convolves fewer of its channels and passes the others",
    "modulated_attention": "its products are divided by the root of fewer channels",
}
MIXER_NAMES = [name for name in MIXERS if CHANNELS in nested_of(MIXERS[name])]
side = st.integers(3, 9)


def without_norms(module):
    """Return the module with norms over all channels left out."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, NORMS):
                setattr(parent, name, nn.Identity())
    return module.eval()


@torch.no_grad()
def share(large, small, large_parts, small_parts):
    """Give the small module its slices of the large one, and set the rest of the large one to zero."""
    assert [path for path, _ in large.named_parameters()] == [path for path, _ in small.named_parameters()]
    for path, weight in small.named_parameters():
        whole = large.get_parameter(path)
        owner = small.get_submodule(path.rpartition(".")[0])
        parts = [
            tuple(tuple(divided.get((path, dim), (size,))) for dim, size in enumerate(tensor.shape))
            for tensor, divided in ((whole, large_parts), (weight, small_parts))
        ]
        convolves = isinstance(owner, nn.Conv1d | nn.Conv2d)
        part = slice_of(path, *parts, kernel_from=min(2, weight.ndim) if convolves else weight.ndim)
        assert part.sizes == weight.shape
        weight.copy_(part.of(whole))
        kept = torch.zeros_like(whole)
        part.put(kept, weight)
        whole.copy_(kept)


def smaller(data, names, chosen, values):
    """Return options of which those that nest are at most what they were."""
    found = dict(chosen)
    for name in names & set(chosen):
        found[name] = data.draw(st.sampled_from([v for v in values[name] if v <= chosen[name]]), label=name)
    return found


def filled(channels, most, height, width):
    x = torch.randn(1, channels, height, width)
    return x, torch.cat([x, torch.zeros(1, most - channels, height, width)], dim=1)


@pytest.mark.parametrize("name", list(MIXERS))
def test_a_mixer_names_what_it_takes_and_divides_weights_that_it_has(name):
    mixer = MIXERS[name]
    if hasattr(mixer, "nested"):
        assert set(mixer.nested) <= {CHANNELS, *keywords(mixer)}
    with torch.device("meta"):
        made = mixer(48, **keywords(mixer))
    for (path, dim), sizes in segments_of(mixer, 48, **keywords(mixer)).items():
        assert sum(sizes) == made.get_parameter(path).shape[dim]


@pytest.mark.parametrize("name", MIXER_NAMES)
@given(data=st.data(), height=side, width=side)
@settings(max_examples=6, deadline=None)
@torch.no_grad()
def test_a_narrower_mixer_computes_what_a_wider_one_does_on_its_channels(name, data, height, width):
    torch.manual_seed(0)
    mixer: Any = MIXERS[name]
    chosen = data.draw(test_mixers.OPTIONS[name])
    channels = data.draw(st.sampled_from([16, 32, 48]))
    reduced = smaller(data, set(nested_of(mixer)), chosen, test_mixers.VALUES)
    large, small = without_norms(mixer(48, **chosen)), without_norms(mixer(channels, **reduced))
    share(large, small, segments_of(mixer, 48, **chosen), segments_of(mixer, channels, **reduced))
    if name not in UNEQUAL or channels == 48:
        x, padded = filled(channels, 48, height, width)
        torch.testing.assert_close(large(padded)[:, :channels], small(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", list(BLOCKS))
@given(data=st.data(), height=side, width=side, stride=st.integers(1, 2), widens=st.booleans())
@settings(max_examples=6, deadline=None)
@torch.no_grad()
def test_a_narrower_block_computes_what_a_wider_one_does_on_its_channels(
    name, data, height, width, stride, widens
):
    torch.manual_seed(0)
    block: Any = BLOCKS[name]
    if hasattr(block, "nested"):
        assert set(block.nested) <= {CHANNELS, *keywords(block)}
    chosen = data.draw(test_blocks.OPTIONS[name])
    if "inner_channels" in chosen:
        chosen["inner_channels"] = 0
    reduced = smaller(data, set(nested_of(block)), chosen, test_blocks.VALUES)
    if "expansion" in chosen and (chosen["expansion"] == 1) != (reduced["expansion"] == 1):
        reduced["expansion"] = chosen["expansion"]  # nothing is widened: a structure of its own
    channels = data.draw(st.sampled_from([16, 32] if CHANNELS in nested_of(block) else [32]))
    bound = {"mixer": MIXERS["depthwise"]} if "mixer" in inspect.signature(block).parameters else {}
    out = 2 if widens else 1
    large = without_norms(block(32, 32 * out, stride=stride, **bound, **chosen))
    small = without_norms(block(channels, channels * out, stride=stride, **bound, **reduced))
    share(
        large,
        small,
        segments_of(block, 32, 32 * out, stride=stride, **chosen),
        segments_of(block, channels, channels * out, stride=stride, **reduced),
    )
    x, padded = filled(channels, 32, height, width)
    torch.testing.assert_close(large(padded)[:, : channels * out], small(x), atol=1e-5, rtol=1e-5)
