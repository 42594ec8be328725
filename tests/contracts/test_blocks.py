"""What every block owes around every mixer: its shape, honest layers and finite gradients."""

import inspect
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.blocks import BLOCKS, Block
from search_spaces.costs import COSTS, Costs
from search_spaces.counting import block_tape
from search_spaces.mixers import MIXERS
from search_spaces.options import keywords, structural_of
from search_spaces.tape import Map
from search_spaces.tracing import trace_call

NAMES = list(BLOCKS)
MIXERS_TAKEN: dict[str, Any] = {name: MIXERS[name] for name in MIXERS}
VALUES: dict[str, list[Any]] = {
    "activation": ["silu", "relu", "relu6", "hard_swish"],
    "dfc": [True, False],
    "down": ["strided", "anti_aliased", "space_to_depth"],
    "expansion": [1, 2, 3, 6],
    "form": ["skip", "k3_e1", "k3_e3", "k5_e6"],
    "gated": [True, False],
    "gate": ["none", "squeeze_excite", "hard_squeeze_excite", "efficient_channel"],
    "inner_channels": [0, 16, 48],
    "kernel": [3, 5, 7],
    "layer_scale": [True, False],
    "middle_kernel": [0, 3, 5],
    "mlp": ["plain", "conv_glu"],
    "norm": ["layer", "batch"],
    "norm_eps": [1e-5, 1e-3],
    "padding": ["symmetric", "same"],
    "patch": [1, 2, 3],
    "residual": [True, False],
    "squeeze_excite": [True, False],
    "start_kernel": [0, 3, 5],
    "transformers": [1, 2],
}
OPTIONS = {
    name: st.fixed_dictionaries({key: st.sampled_from(VALUES[key]) for key in keywords(BLOCKS[name])})
    for name in NAMES
}
MIXED = {name: "mixer" in inspect.signature(BLOCKS[name]).parameters for name in NAMES}
side = st.integers(1, 13)
widths = st.sampled_from([16, 32, 48])
strides = st.integers(1, 3)
mixers = st.sampled_from(list(MIXERS_TAKEN))


def built(name, chosen, mixer, channels, out_channels, stride):
    bound = {"mixer": MIXERS_TAKEN[mixer]} if MIXED[name] else {}
    return BLOCKS[name](channels, out_channels, stride=stride, **bound, **chosen)


def priced(name, chosen, mixer, x, out_channels, stride):
    block = BLOCKS[name]
    bound = {}
    if MIXED[name]:
        taken = MIXERS_TAKEN[mixer]
        bound = {"mixer": partial(taken.layers, deploy=False, **keywords(taken))}
    layers = partial(block.layers, deploy=False, **bound, **chosen)
    return block_tape(layers, x, out_channels, stride)


def costs_of(tape):
    return Costs(**{cost: int(COSTS[cost].of(tape)) for cost in COSTS})


@pytest.mark.parametrize("name", NAMES)
def test_options_are_keywords_with_defaults_and_the_listing_takes_the_same(name):
    block = BLOCKS[name]
    assert inspect.Parameter.empty not in keywords(block).values()
    bound = ["mixer"] if MIXED[name] else []
    listed = list(inspect.signature(block.layers).parameters)
    assert listed == ["tape", "x", "out_channels", "stride", "deploy", *bound, *keywords(block)]
    assert isinstance(block, Block)
    assert set(structural_of(block)) <= set(keywords(block))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), channels=widths, out=widths, stride=strides, height=side, width=side, mixer=mixers)
@settings(max_examples=25)
def test_counted_costs_are_those_of_what_runs(name, data, channels, out, stride, height, width, mixer):
    chosen = data.draw(OPTIONS[name])
    block = built(name, chosen, mixer, channels, out, stride)
    tape, y = priced(name, chosen, mixer, Map(channels, height, width), out, stride)
    assert trace_call(block, (channels, height, width)).items() <= costs_of(tape).items()
    assert (y.channels, y.height, y.width) == (out, -(-height // stride), -(-width // stride))
    assert costs_of(tape).params == sum(p.numel() for p in block.parameters())


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), channels=widths, out=widths, stride=strides, mixer=mixers)
@settings(max_examples=6)
def test_arrays_of_sizes_are_priced_like_each_size_alone(name, data, channels, out, stride, mixer):
    chosen = data.draw(OPTIONS[name])
    plain = set(structural_of(BLOCKS[name]))
    varied = {k: np.full(13, v) if type(v) is int and k not in plain else v for k, v in chosen.items()}
    sides = np.arange(1, 14)
    together, _ = priced(name, varied, mixer, Map(channels, sides, sides), out, stride)
    for cost in COSTS:
        alone = [
            int(COSTS[cost].of(priced(name, chosen, mixer, Map(channels, int(s), int(s)), out, stride)[0]))
            for s in sides
        ]
        assert np.broadcast_to(COSTS[cost].of(together), (13,)).tolist() == alone


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), channels=widths, out=widths, stride=strides, height=side, width=side, mixer=mixers)
@settings(max_examples=6)
def test_its_shape_follows_the_stride_and_every_gradient_is_finite(
    name, data, channels, out, stride, height, width, mixer
):
    torch.manual_seed(0)
    block = built(name, data.draw(OPTIONS[name]), mixer, channels, out, stride)
    x = torch.randn(2, channels, height, width, requires_grad=True)
    y = block(x)
    assert y.shape == (2, out, -(-height // stride), -(-width // stride))
    y.square().mean().backward()
    for parameter in (x, *block.parameters()):
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("inverted_residual", {"kernel": 4}),
        ("inverted_residual", {"gate": "sqeeze"}),
        ("inverted_residual", {"activation": "swish"}),
        ("convnext", {"norm": "group"}),
        ("optional_inverted_residual", {"form": "k3"}),
        ("universal_inverted_bottleneck", {"middle_kernel": 4}),
        ("universal_inverted_bottleneck", {"activation": "swish"}),
        ("fused_inverted_residual", {"kernel": 4}),
        ("ghost_bottleneck", {"kernel": 4}),
    ],
)
def test_what_cannot_be_built_says_what_was_given_and_expected(name, chosen):
    with pytest.raises(ValueError, match=rf"{name} got .*: expected"):
        built(name, {**keywords(BLOCKS[name]), **chosen}, "depthwise", 16, 16, 1)
