"""Stages with widths, blocks and patterns of their own: one encoding, exact prices, uniform draws."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

import search_spaces
from search_spaces.architecture import Architecture, options_of
from search_spaces.budget import Budget
from search_spaces.budget_counting import ways
from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.graph_counts import architecture_counts, graph_counts
from search_spaces.pricing import prices
from search_spaces.sampling import fitting_codes
from search_spaces.space import SearchSpace
from search_spaces.space_record import from_record, space_digest, to_record
from search_spaces.stage_choices import StageSpace
from search_spaces.tracing import trace

STEM = options_of({"stem_channels": 16, "stem_stride": 1, "head_channels": 32})
WIDE = SearchSpace(
    name="wide",
    resolution=(16, 24),
    width=(1.0, 2.0),
    conv_depth=(0.5, 1.0),
    attention_depth=(1.0, 2.0),
    options=STEM,
    divisor=8,
    stages=(
        StageSpace(channels=16, width=(0.5, 1.0, 2.0), options={"mixer": ("depthwise",), "kernel": (3, 5)}),
        StageSpace(
            channels=24,
            depth=(2,),
            stride=2,
            width=(0.5, 1.0),
            options={"mixer": ("depthwise", "separable_attention"), "kernel": (3,)},
        ),
        StageSpace(channels=32, stride=2, width=(0.5, 1.0, 1.5), options={"mixer": ("depthwise",)}),
    ),
)
PATTERNED = SearchSpace(
    name="patterned",
    resolution=(16,),
    conv_depth=(0.5, 1.0, 1.5),
    attention_depth=(0.5, 1.0, 2.0),
    options=STEM,
    stages=(
        StageSpace(
            channels=16,
            depth=(2,),
            patterns={
                "attend": ("none", "last", "alternate", "all"),
                "dilations": ("one", "cycle", "groups"),
            },
            options={
                "mixer": ("depthwise", "inception_conv"),
                "attention_mixer": ("separable_attention",),
                "kernel": (3, 5),
                "dilation": (1, 3),
            },
        ),
        StageSpace(
            channels=32,
            depth=(3,),
            stride=2,
            patterns={"attend": ("alternate", "last")},
            options={"mixer": ("depthwise",), "attention_mixer": ("separable_attention", "attention")},
        ),
    ),
)
BLOCKS = SearchSpace(
    name="blocks",
    resolution=(16, 24),
    conv_depth=(1.0, 2.0),
    attention_depth=(1.0, 2.0),
    options=options_of({"stem_channels": 16}),
    skeleton={"stem_stride": (1, 2), "stem_channels": (16, 32)},
    stages=(
        StageSpace(
            channels=16,
            width=(1.0, 2.0),
            block=("metaformer", "inverted_residual", "convnext", "fasternet"),
            options={
                "mixer": ("depthwise", "separable_attention"),
                "kernel": (3, 5),
                "convnext.expansion": (3,),
                "expansion": (2, 4),
                "gate": ("none", "squeeze_excite"),
            },
        ),
        StageSpace(
            channels=32,
            stride=2,
            block=("inverted_residual", "metaformer"),
            patterns={"attend": ("none", "all")},
            options={
                "mixer": ("depthwise",),
                "attention_mixer": ("separable_attention",),
                "inverted_residual.kernel": (3, 5),
            },
        ),
    ),
)
ALL = {space.name: space for space in (WIDE, PATTERNED, BLOCKS)}
TABLES = {name: prices(space.codes, num_classes=10, in_channels=1) for name, space in ALL.items()}
names = pytest.mark.parametrize("name", ALL)


def rows(space: SearchSpace) -> np.ndarray:
    """Return every row of codes, found the slow way."""
    return np.array(list(itertools.product(*map(range, space.codes.radices))), dtype=np.int64)


def everything(space: SearchSpace) -> np.ndarray:
    codes = rows(space)
    distinct: np.ndarray = codes[(space.codes.canonical(codes) == codes).all(axis=1)]
    return distinct


EVERY = {name: everything(space) for name, space in ALL.items()}


def budget_met_by(name: str, share: float, resource: str) -> Budget:
    cost = int(np.quantile(TABLES[name].of(EVERY[name], resource), share))
    return Budget(resource=resource, limit=cost, text=f"{cost}-{resource}")


@names
def test_each_network_has_one_encoding_and_the_size_counts_networks(name):
    space = ALL[name]
    every = rows(space)
    picked = every if len(every) < 3_000 else every[np.random.default_rng(0).permutation(len(every))[:3_000]]
    canonical = space.codes.canonical(picked)
    networks: dict[Architecture, bytes] = {}
    for code, kept in zip(picked, canonical, strict=True):
        network = space.codes.at(code)
        assert network == space.codes.at(kept)  # the row that stands for it describes the same network
        assert networks.setdefault(network, kept.tobytes()) == kept.tobytes()
    assert space.size == len(EVERY[name])
    for network, code in list(networks.items())[::50]:
        assert space.codes.code_of(network).tobytes() == code
        assert space.architecture(space.params(network)) == network
        assert Architecture.from_json(network.to_json()) == network


@names
def test_prices_and_counts_are_those_of_each_network_and_of_what_runs(name):
    space = ALL[name]
    codes = EVERY[name][np.random.default_rng(1).permutation(len(EVERY[name]))[:40]]
    priced = TABLES[name].costs(codes)
    counted = graph_counts(space, codes, num_classes=10, in_channels=1)
    for number, (code, costs) in enumerate(zip(codes, priced, strict=True)):
        network = space.codes.at(code)
        assert search_spaces.count(network, num_classes=10, in_channels=1, deploy=True) == costs
        alone = architecture_counts(network, num_classes=10, in_channels=1)
        assert {key: values[number] for key, values in counted.items()} == pytest.approx(alone)
        if number % 8 == 0:
            with torch.device("meta"):
                module = search_spaces.build(network, num_classes=10, in_channels=1)
            ran = trace(module, resolution=network.resolution, in_channels=1)
            assert ran.items() <= search_spaces.count(network, num_classes=10, in_channels=1).items()


@names
def test_no_network_is_cheaper_or_dearer_than_the_extremes(name):
    for resource in ("macs", "params", "activations", "peak", "weights"):
        costs = TABLES[name].of(EVERY[name], resource)
        assert TABLES[name].extremes(resource) == (costs.min(), costs.max())


@names
@pytest.mark.parametrize("share", [0.002, 0.1])
def test_the_counted_ways_let_every_fitting_network_through(name, share):
    budgets = (budget_met_by(name, share, "macs"), budget_met_by(name, 0.5, "params"))
    passed = set(map(tuple, ways(TABLES[name], budgets).every().tolist()))
    fits = (TABLES[name].excess(EVERY[name], budgets) <= 0).all(axis=1)
    assert set(map(tuple, EVERY[name][fits].tolist())) <= passed
    assert len(passed) == ways(TABLES[name], budgets).total


@names
def test_draws_under_three_budgets_are_uniform_over_what_fits(name, monkeypatch):
    monkeypatch.setattr("search_spaces.sampling._FEW", -(10**9))  # drawn, never listed
    monkeypatch.setattr("search_spaces.sampling._PLENTY", 2.0)
    budgets = (
        budget_met_by(name, 0.3, "macs"),
        budget_met_by(name, 0.4, "params"),
        budget_met_by(name, 0.5, "peak"),
    )
    wanted = EVERY[name][(TABLES[name].excess(EVERY[name], budgets) <= 0).all(axis=1)]
    assert len(wanted) > 20
    p_values = []
    for seed in range(20):
        codes = fitting_codes(TABLES[name], np.random.default_rng(seed), 8 * len(wanted), budgets)
        counts = Counter(map(tuple, codes.tolist()))
        assert counts.keys() <= set(map(tuple, wanted.tolist()))
        p_values.append(chisquare([counts[tuple(row)] for row in wanted.tolist()]).pvalue)
    # Of 20 p-values of uniform draws 0.2 lie below 0.01: more than three are seen in one run in 20,000.
    assert sum(p < 0.01 for p in p_values) <= 3
    assert kstest(p_values, "uniform").pvalue > 1e-5


@names
def test_a_stored_space_is_read_back_and_says_its_format(name):
    space = ALL[name]
    record = to_record(space)
    assert record["version"] == 2
    back = from_record(record)
    assert space_digest(back) == space_digest(space)
    assert back.codes.at(EVERY[name][-1]) == space.codes.at(EVERY[name][-1])


@pytest.mark.parametrize("name", ["patterned", "blocks"])
def test_networks_share_weights_and_give_what_a_copy_of_them_gives(name):
    space = ALL[name]
    shared = SharedWeights(space, num_classes=3, in_channels=1)
    assert shared.report()
    codes = EVERY[name][np.random.default_rng(2).permutation(len(EVERY[name]))[:12]]
    for code in codes:
        network = space.codes.at(code)
        x = torch.randn(4, 1, network.resolution, network.resolution)
        module = shared.module(network).train()
        assert torch.allclose(module(x), shared.train()(network, x), atol=1e-5)


def test_attention_stands_where_the_pattern_says():
    mixers = {
        value: [
            dict(options)["mixer"]
            for options in PATTERNED.architecture({**base(), "stage1.attend": value}).stages[0].block_options
        ]
        for value in ("none", "last", "alternate", "all")
    }
    conv, attention = "depthwise", "separable_attention"
    assert mixers == {
        "none": [conv, conv, conv],
        "last": [conv, conv, conv, attention],
        "alternate": [conv, attention, conv, attention],
        "all": [attention] * 4,
    }


def test_rates_cycle_from_one_to_three_and_groups_are_those_of_inception_convolution():
    stage = PATTERNED.architecture({**base(), "stage1.dilations": "cycle"}).stages[0]
    assert [dict(options)["dilation"] for options in stage.block_options] == [1, 2, 3]
    stage = PATTERNED.architecture({**base(), "stage1.dilations": "groups"}).stages[0]
    assert stage.mixer == "inception_conv"
    assert dict(stage.options)["dilation"] == 3


def base() -> dict[str, Any]:
    """Return slot values of the deepest stages."""
    values = {choice.name: choice.values[0] for choice in PATTERNED.choices}
    return {**values, "conv_depth": 1.5, "attention_depth": 2.0}
