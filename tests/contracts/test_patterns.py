"""What every pattern owes: its first value changes nothing, each value describes blocks of any depth."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces.architecture import options_of
from search_spaces.mixers import MIXERS
from search_spaces.patterns import PATTERNS, Pattern
from search_spaces.pricing import prices
from search_spaces.sampling import uniform_codes
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from search_spaces.tracing import trace

names = pytest.mark.parametrize("name", PATTERNS)
CONV = ("depthwise", "inception_depthwise")


def space_of(name: str) -> SearchSpace:
    """Return a space whose second stage offers all values of a pattern."""
    pattern = PATTERNS[name]
    listed = {
        slot: tuple(m for m in ("depthwise", "attention") if MIXERS[m].kind == kind)
        for slot, kind in pattern.kinds.items()
    }
    return SearchSpace(
        name=f"of_{name}",
        resolution=(16,),
        conv_depth=(0.25, 0.5, 1.0),
        attention_depth=(0.25, 1.0),
        options=options_of({"stem_channels": 16}),
        stages=(
            StageSpace(channels=16, options={"mixer": CONV}),
            StageSpace(
                channels=32,
                depth=(4,),
                stride=2,
                patterns={name: pattern.values},
                options={"mixer": CONV, "kernel": (3, 5), **listed},
            ),
        ),
    )


SPACES = {name: space_of(name) for name in PATTERNS}


@names
def test_it_says_what_it_may_be_and_its_first_value_changes_nothing(name):
    pattern = PATTERNS[name]
    assert isinstance(pattern, Pattern)
    assert len(set(pattern.values)) == len(pattern.values) > 1
    assert set(pattern.takes) <= set(pattern.values)
    space = SPACES[name]
    stage = space.stages[1]
    plain = StageSpace(channels=32, depth=(4,), stride=2, options={"mixer": CONV, "kernel": (3, 5)})
    without = SearchSpace(
        name="without",
        resolution=space.resolution,
        options=space.options,
        stages=(space.stages[0], plain),
    )
    values = {choice.name: choice.values[0] for choice in space.choices}
    network = space.architecture({**values, "conv_depth": 1.0, f"stage2.{name}": stage.patterns[name][0]})
    assert network.stages[1] == without.architecture(without.params(network)).stages[1]


@names
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5)
def test_each_network_has_one_encoding_and_its_price_is_what_runs(name, seed):
    space = SPACES[name]
    codes = uniform_codes(space.codes, np.random.default_rng(seed), 1)
    network = space.codes.at(codes[0])
    assert space.decode(space.encode(network)) == network
    assert (space.codes.code_of(network) == codes[0]).all()
    (costs,) = prices(space.codes, num_classes=5, deploy=False).costs(codes)
    with torch.device("meta"):
        built = search_spaces.build(network, num_classes=5)
    assert trace(built, resolution=network.resolution).items() <= costs.items()


@names
def test_the_size_is_the_number_of_distinct_networks(name):
    space = SPACES[name]
    rows = np.stack([grid.ravel() for grid in np.indices(tuple(space.codes.radices))], axis=1)
    assert space.size == len({space.codes.at(row) for row in rows})
