"""What every training-free score owes: a finite number, the same again, and nothing changed by taking it."""

import inspect
import math
import random
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

import search_spaces
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.blocks import BLOCKS
from search_spaces.mixers import MIXERS
from trials.scores import SCORES, ImageScore, LayerScore, Score
from trials.scoring import ScoringImages, score_architecture, score_module

NAMES = list(SCORES)
IMAGE_SCORES = {name: score for name in NAMES if isinstance(score := SCORES[name], ImageScore)}
NOISE = ScoringImages(classes=4, channels=3)


def network(block: str = "inverted_residual", depth: int = 2, **options: str | int) -> Architecture:
    stage = Stage(block=block, channels=16, depth=depth, stride=2, options=options_of(options))
    return Architecture(network="pyramid", resolution=8, stages=(stage,))


def takes_mixer(block: str) -> bool:
    return "mixer" in inspect.signature(BLOCKS[block]).parameters


def numpy_state() -> str:
    return str(np.random.get_state())  # noqa: NPY002 -- the global generator is what must stay


def built(described: Architecture) -> Any:
    torch.manual_seed(0)
    return search_spaces.build(described, num_classes=4)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_needs(name: str) -> None:
    score = SCORES[name]
    assert isinstance(score, Score)
    assert isinstance(score, LayerScore) == (score.needs == "layers")
    assert isinstance(score, ImageScore) == (score.needs in {"images", "labels"})
    if isinstance(score, ImageScore):
        assert 2 <= score.batch <= 128


AROUND = [block for block in BLOCKS if takes_mixer(block)]
PAIRS = {mixer: AROUND[number % len(AROUND)] for number, mixer in enumerate(MIXERS)}
BLOCKS_WITH_MIXERS = [
    *((block, None) for block in BLOCKS if not takes_mixer(block)),
    *((block, mixer) for mixer, block in PAIRS.items()),
    *(
        pytest.param(block, mixer, marks=pytest.mark.long)
        for mixer, paired in PAIRS.items()
        for block in AROUND
        if block != paired
    ),
]


@pytest.mark.parametrize(("block", "mixer"), BLOCKS_WITH_MIXERS)
def test_every_score_of_every_block_and_mixer_is_finite_and_the_same_again(
    block: str, mixer: str | None
) -> None:
    options: dict[str, Any] = {"mixer": mixer} if mixer else {}
    described = network(block, **options)
    first = score_architecture(described, NOISE, seed=1)
    assert set(NAMES) <= set(first)
    assert all(math.isfinite(value) for value in first.values())
    torch.manual_seed(99)  # whatever was drawn meanwhile
    assert score_architecture(described, NOISE, seed=1) == first


@pytest.mark.parametrize("name", IMAGE_SCORES)
def test_taking_it_changes_neither_the_network_nor_a_global_generator(name: str) -> None:
    model = built(network()).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    generators = (torch.get_rng_state(), numpy_state(), random.getstate())
    score_module(IMAGE_SCORES[name], model, *NOISE.batch(8, 8, torch.device("cpu")))
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert numpy_state() == generators[1]
    assert random.getstate() == generators[2]


@pytest.mark.parametrize("name", NAMES)
def test_two_seeds_of_the_weights_order_networks_of_many_sizes_alike(name: str) -> None:
    """Twelve networks from 1 to 6 blocks: tau of two unrelated orders exceeds .5 once in 100 times."""
    sizes = list(product((1, 3, 6), ("depthwise", "attention"), (1, 3)))
    described = [
        network("metaformer", depth, mixer=mixer, expansion=expansion) for depth, mixer, expansion in sizes
    ]
    one, other = (
        [score_architecture(a, NOISE, names=[name], seed=seed)[name] for a in described] for seed in (0, 1)
    )
    assert kendalltau(one, other).statistic > 0.5


@pytest.mark.parametrize("name", [n for n in IMAGE_SCORES if not IMAGE_SCORES[n].labelled])
def test_scores_without_labels_ignore_labels_and_the_order_of_the_batch(name: str) -> None:
    images, labels = NOISE.batch(16, 8, torch.device("cpu"))
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    model = built(network()).double()
    given = score_module(IMAGE_SCORES[name], model, images.double(), labels)
    shuffled = score_module(IMAGE_SCORES[name], model, images[order].double(), labels * 0)
    assert shuffled == pytest.approx(given, rel=1e-3)
