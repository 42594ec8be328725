"""Networks are enlarged along what nests, whatever the bits of their weights."""

import numpy as np

from search_spaces.architecture import options_of
from search_spaces.elastic.larger import LargerNetworks
from search_spaces.pricing import prices
from search_spaces.sampling import uniform_codes
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from search_spaces.weight_bits import bits_of


def test_a_network_keeps_the_bits_of_its_weights_as_it_is_enlarged():
    options = {"mixer": ("depthwise",), "kernel": (3, 5), "expansion": (2, 4), "weight_bits": (4, 8)}
    space = SearchSpace(
        name="bits",
        resolution=(16, 24),
        width=(0.5, 1.0),
        options=options_of({"stem_channels": 16}),
        stages=(StageSpace(channels=32, options=options), StageSpace(channels=64, stride=2, options=options)),
    )
    larger = LargerNetworks(space, prices(space.codes, num_classes=10))
    for codes in uniform_codes(space.codes, np.random.default_rng(0), 20):
        small, large = space.codes.at(codes), space.codes.at(larger.largest_above(codes, 10**12))
        assert large.resolution == 24
        assert [stage.channels for stage in large.stages] == [32, 64]
        for before, after in zip(small.stages, large.stages, strict=True):
            assert bits_of(after.options) == bits_of(before.options)
            assert {**dict(after.options), "weight_bits": 8} == {
                "mixer": "depthwise", "kernel": 5, "expansion": 4, "weight_bits": 8,
            }  # fmt: skip
