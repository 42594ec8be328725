"""The file of a network is short, whatever the catalog offers."""

import numpy as np
import pytest

from nas.exports.codegen.module_source import source
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.catalog import SPACES
from tests.nas.exports.networks import network_to_export

MOST_LINES = 300
MOST_OF_MOBILEVIT = 350  # inverted residuals, blocks with transformers inside, and their mixers
MOST_OF_TWO_BLOCKS = {"hybrid": 450, "hybrid_small": 400}  # two kinds of blocks, three of mixers
PROVENANCE = {
    "budget": "300M-MACs and 4M-params and 12ms@cpu",
    "accuracy": "98.33% ± 0.67 on validation images, 97.50% ± 0.82 on test images",
    "data": "digits",
    "recipe": "proxy, 6 epochs",
    "study": "hybrid-digits-300M-MACs-proxy-seed0#12",
    "seed": "0",
    "versions": "nas 0.1.0, torch 2.13.0",
    "command": "nas search --budget 300M-MACs --budget 4M-params --budget 12ms@cpu --data digits --seed 0",
    "latency": "11.2 ms on cpu",
}


def of_mixers(*mixers):
    """Return a network of the space hybrid whose stages differ in all that they may."""
    stages = tuple(
        Stage(
            block="metaformer",
            channels=32 * (i + 1),
            depth=1,
            stride=2,
            options=options_of({"expansion": 2 + i % 3, **mixer}),
        )
        for i, mixer in enumerate(mixers)
    )
    options = options_of({"stem_channels": 32, "stem_stride": 2, "head_channels": 640})
    return Architecture(network="pyramid", resolution=128, stages=stages, options=options)


SEPARABLE, FULL = {"mixer": "separable_attention"}, {"mixer": "attention"}
INCEPTION = {"mixer": "inception_depthwise"}
DILATED = [{"mixer": "dilated_reparam", "kernel": k} for k in (7, 9, 13)]
DEPTHWISE = [{"mixer": "depthwise", "kernel": k, "dilation": d} for k, d in ((3, 1), (5, 2), (7, 1))]
LONGEST = {
    "every mixer": of_mixers(DEPTHWISE[0], INCEPTION, DILATED[0], SEPARABLE, FULL),
    "two reparameterised": of_mixers(DEPTHWISE[0], *DILATED[:2], SEPARABLE, FULL),
    "two reparameterised, inception": of_mixers(INCEPTION, *DILATED[:2], SEPARABLE, FULL),
    "two depthwise": of_mixers(*DEPTHWISE[:2], DILATED[0], SEPARABLE, FULL),
    "two depthwise, inception": of_mixers(*DEPTHWISE[:2], INCEPTION, DILATED[0], FULL),
    "three depthwise": of_mixers(*DEPTHWISE, DILATED[0], FULL),
}


def lines(architecture):
    return len(source(network_to_export(architecture, provenance=PROVENANCE)).splitlines())


def most_lines(space: str) -> int:
    return MOST_OF_MOBILEVIT if space.startswith("mobilevit") else MOST_OF_TWO_BLOCKS.get(space, MOST_LINES)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_files_of_the_space_hybrid_are_below_the_limit(name):
    assert lines(LONGEST[name]) < MOST_LINES


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_the_files_of_a_catalog_space_are_below_the_limit(space):
    rng = np.random.default_rng(0)
    assert max(lines(SPACES[space].sample(rng)) for _ in range(10)) < most_lines(space)


@pytest.mark.long
@pytest.mark.parametrize("space", SPACES)
def test_two_hundred_files_of_a_catalog_space_are_below_the_limit(space):
    rng = np.random.default_rng(1)
    assert max(lines(SPACES[space].sample(rng)) for _ in range(200)) < most_lines(space)
