"""What every skeleton owes: scores for any image, honest layers, and a size that follows the strides."""

import inspect
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import ArchitectureError
from search_spaces.networks import NETWORKS, Skeleton
from search_spaces.options import keywords
from search_spaces.tracing import trace

VALUES: dict[str, list[Any]] = {
    "activation": ["silu", "relu", "relu6", "hard_swish"],
    "bias": [True, False],
    "classifiers": [1, 2],
    "head_channels": [0, 48],
    "head_hidden": [0, 40],
    "head_hidden_norm": [True, False],
    "head_norm": [True, False],
    "last_norm": ["none", "map", "classifier"],
    "norm": ["layer", "batch"],
    "norm_eps": [1e-5, 1e-3],
    "padding": ["symmetric", "same"],
    "patch": [1, 2, 4],
    "stem_activated": [True, False],
    "stem_channels": [16, 24],
    "stem_depth": [1, 2],
    "stem_form": ["conv", "patch"],
    "stem_stride": [1, 2, 4],
}
OPTIONS = {
    name: st.fixed_dictionaries({key: st.sampled_from(VALUES[key]) for key in keywords(NETWORKS[name])})
    for name in NETWORKS
}
STAGES = (
    Stage(block="inverted_residual", channels=16, depth=1),
    Stage(block="metaformer", channels=32, depth=2, stride=2, options=options_of({"mixer": "depthwise"})),
    Stage(block="convnext", channels=32, depth=1, options=options_of({"mixer": "attention"})),
)
names = pytest.mark.parametrize("name", OPTIONS)


@names
def test_listings_take_what_the_skeleton_is_given(name):
    network = NETWORKS[name]
    assert isinstance(network, Skeleton)
    taken = {*keywords(network), "num_classes", "deploy"}
    for listing in (network.stem_layers, network.head_layers):
        assert set(list(inspect.signature(listing).parameters)[2:]) <= taken


@names
@given(data=st.data(), resolution=st.integers(8, 40), classes=st.integers(1, 12), colours=st.integers(1, 4))
@settings(max_examples=15)
def test_counted_costs_are_those_of_what_runs(name, data, resolution, classes, colours):
    options = options_of(data.draw(OPTIONS[name]))
    architecture = Architecture(network=name, resolution=resolution, stages=STAGES, options=options)
    with torch.device("meta"):
        network = search_spaces.build(architecture, num_classes=classes, in_channels=colours)
    counted = search_spaces.count(architecture, num_classes=classes, in_channels=colours)
    ran = trace(network, resolution=resolution, in_channels=colours)
    assert ran.items() <= counted.items()
    assert counted.params == sum(p.numel() for p in network.parameters())


@names
@given(data=st.data(), resolution=st.integers(8, 24))
@settings(max_examples=5)
def test_it_scores_images_and_every_gradient_is_finite(name, data, resolution):
    torch.manual_seed(0)
    options = options_of(data.draw(OPTIONS[name]))
    architecture = Architecture(network=name, resolution=resolution, stages=STAGES, options=options)
    network = search_spaces.build(architecture, num_classes=5)
    scores = network(torch.randn(3, 3, resolution, resolution))
    assert scores.shape == (3, 5)
    scores.square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@names
def test_a_network_that_leaves_nothing_of_the_image_is_refused(name):
    stages = tuple(Stage(block="inverted_residual", channels=16, depth=1, stride=2) for _ in range(5))
    architecture = Architecture(network=name, resolution=16, stages=stages)
    for refused in (search_spaces.count, search_spaces.build):
        with pytest.raises(ArchitectureError, match=r"images of 16 pixels by .*, below 1 x 1"):
            refused(architecture, num_classes=2)


@names
def test_wrong_options_are_refused_in_one_line(name):
    wrong = {"activation": "swish", "norm": "group"}
    chosen = {key: value for key, value in wrong.items() if key in keywords(NETWORKS[name])}
    for options in (chosen, {"no_such": 1}):
        architecture = Architecture(network=name, resolution=16, stages=STAGES, options=options_of(options))
        with pytest.raises(ArchitectureError, match="Cannot build this architecture"):
            search_spaces.build(architecture, num_classes=2)
