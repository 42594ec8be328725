"""Spaces whose depth counts the transformers inside a block: they hold the published MobileViTs exactly."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import search_spaces
from search_spaces.architecture import Architecture, options_of
from search_spaces.budget import Budget
from search_spaces.catalog import SPACES
from search_spaces.elastic.report import sharing_of
from search_spaces.errors import SpaceError
from search_spaces.graph_counts import architecture_counts
from search_spaces.options import depth_with_parts
from search_spaces.pricing import prices
from search_spaces.sampling import fitting_codes
from search_spaces.space import SearchSpace
from search_spaces.space_record import from_record, space_digest, to_record
from search_spaces.stage_choices import StageSpace

PUBLISHED = {
    "mobilevit_xs_256": ("mobilevit", 2_317_848, 1_025_911_808),
    **{
        f"mobilevit_v2_{width}_256": ("mobilevit_v2", params, macs)
        for width, params, macs in (
            ("0.5", 1_370_593, 464_594_944),
            ("0.75", 2_866_009, 1_027_980_288),
            ("1.0", 4_901_841, 1_812_090_880),
            ("1.25", 7_478_089, 2_816_926_720),
            ("1.5", 10_594_753, 4_042_487_808),
            ("1.75", 14_251_833, 5_488_774_144),
            ("2.0", 18_449_329, 7_155_785_728),
        )
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_network_is_a_member_at_depth_factors_of_1(name: str) -> None:
    space, params, macs = PUBLISHED[name]
    network = search_spaces.reference(name)
    values = search_spaces.load(space).params(network)
    assert values["conv_depth"] == values["attention_depth"] == 1.0
    assert values["width"] == float(name.split("_")[2] if "v2" in name else 1.0)
    member = search_spaces.load(space).architecture(values)
    assert member.stages == network.stages
    costs = search_spaces.count(member, num_classes=1000)
    assert (costs.params, costs.macs) == (params, macs)


@pytest.mark.parametrize("name", ["mobilevit_xs_256", "mobilevit_v2_0.5_256"])
def test_a_member_computes_what_the_published_network_does_with_its_weights(name: str) -> None:
    network = search_spaces.reference(name)
    space = search_spaces.load(PUBLISHED[name][0])
    first, second = (
        search_spaces.build(a, num_classes=10).eval()
        for a in (network, space.architecture(space.params(network)))
    )
    second.load_state_dict(first.state_dict())
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(second(x), first(x))


def transformers(network: Architecture) -> list[int]:
    return [int(dict(s.options)["transformers"]) for s in network.stages if s.mixer is not None]  # type: ignore[arg-type]


def test_the_depth_factor_of_attention_counts_transformers_and_leaves_residuals() -> None:
    space = search_spaces.load("mobilevit_v2")
    here = space.params(search_spaces.reference("mobilevit_v2_1.0_256"))
    found = {
        factor: space.architecture({**here, "attention_depth": factor}) for factor in space.attention_depth
    }
    assert transformers(found[0.25]) == [1, 1, 1]
    assert transformers(found[1.0]) == [2, 4, 3]
    assert transformers(found[1.5]) == [3, 6, 5]
    assert {tuple(s.depth for s in network.stages) for network in found.values()} == {
        (1, 2, 1, 1, 1, 1, 1, 1)
    }
    deep = architecture_counts(found[1.5], num_classes=10)
    assert deep["blocks"] == sum(map(depth_with_parts, found[1.5].stages)) == 6 + 14
    assert deep["attention_blocks"] == pytest.approx(14 / 20)
    assert deep["stage6.blocks"] == 6


def test_transformers_widen_with_the_stage_in_as_many_heads() -> None:
    space = search_spaces.load("mobilevit")
    here = space.params(search_spaces.reference("mobilevit_xs_256"))
    for width in space.width:
        for stage in space.architecture({**here, "width": width}).stages:
            if stage.mixer is not None:
                options = dict(stage.options)
                assert options["inner_channels"] == 4 * options["head_channels"]  # type: ignore[operator]


@pytest.mark.parametrize("name", ["transformers", "inner_channels", "head_channels"])
def test_a_network_that_differs_inside_its_blocks_is_no_member(name: str) -> None:
    space, network = search_spaces.load("mobilevit"), search_spaces.reference("mobilevit_xs_256")
    stages = list(network.stages)
    inside = dict(stages[3].options)
    stages[3] = replace(stages[3], options=options_of({**inside, name: 2 * int(inside[name] or 0) + 8}))
    assert not space.contains(replace(network, stages=tuple(stages)))
    stages[3] = replace(network.stages[3], depth=2)
    assert not space.contains(replace(network, stages=tuple(stages)))


def small() -> SearchSpace:
    return SearchSpace(
        name="small_vit",
        resolution=(16, 20),
        width=(0.5, 1.0),
        conv_depth=(0.5, 1.0),
        attention_depth=(0.25, 0.5, 1.0, 1.1),
        divisor=8,
        options=options_of({"stem_channels": 16, "stem_stride": 1}),
        stages=(
            StageSpace(
                channels=16, depth=(2,), stride=2, block="inverted_residual", options={"expansion": (2, 3)}
            ),
            StageSpace(
                channels=32,
                depth=(3,),
                stride=2,
                block="mobilevit_v1",
                depth_of="transformers",
                inner_channels=48,
                heads=4,
                options={"mixer": ("attention", "depthwise"), "kernel": (3, 5)},
            ),
        ),
    )


@pytest.mark.parametrize("texts", [(), ("900k-MACs",), ("900k-MACs", "40k-params", "40KiB-peak")])
def test_draws_are_uniform_over_the_networks_that_fit(texts: tuple[str, ...]) -> None:
    """Chi-square at 1 false alarm in 10,000 for each set of budgets."""
    space = small()
    table = prices(space.codes, num_classes=10)
    every = np.array(list(np.ndindex(*space.codes.radices.tolist())))
    every = every[(space.codes.canonical(every) == every).all(axis=1)]
    assert len({space.codes.at(row) for row in every}) == len(every) == space.size
    budgets = [Budget.parse(text) for text in texts]
    fits = every[(table.excess(every, budgets) <= 0).all(axis=1)]
    assert 20 < len(fits) < len(every) + (not texts)
    drawn = fitting_codes(table, np.random.default_rng(0), 50 * len(fits), budgets)
    found, counts = np.unique(drawn, axis=0, return_counts=True)
    assert {tuple(row) for row in found} == {tuple(row) for row in fits}
    square = float(((counts - 50) ** 2 / 50).sum())
    free = len(fits) - 1
    assert square < free + 3.8 * np.sqrt(2 * free) + 10  # the quantile of .9999 of chi-square, from above


def test_a_space_comes_back_from_its_record_and_says_nothing_where_nothing_is_inside() -> None:
    space = small()
    again = from_record(to_record(space))
    assert space_digest(again) == space_digest(space)
    assert again.size == space.size
    stages = to_record(search_spaces.load("hybrid"))["stages"]
    assert not {"depth_of", "inner_channels", "heads"} & set().union(*stages)


def test_the_report_says_that_heads_which_widen_share_no_weights_and_all_else_does() -> None:
    lines = [str(row) for row in sharing_of(search_spaces.load("mobilevit_small")) if not row.shares]
    assert "width of attention (0.25, 0.375, 0.5, 0.75, 1.0, 1.25, 1.5): weights of its own each" in lines
    assert all("width of attention" in line or ".mixer" in line for line in lines)
    assert any(row.choice == "attention_depth" and row.shares for row in sharing_of(SPACES["mobilevit"]))


YAML = """version: 1
name: mine
resolution: [32, 48]
width: [0.5, 1.0]
attention_depth: [0.5, 1.0]
stages:
  - channels: 32
    stride: 2
    block: inverted_residual
  - channels: 64
    block: mobilevit_v2
    depth: 2
    depth_of: transformers
    inner_channels: 32
    heads: 4
    options:
      mixer: [separable_attention, attention]
"""


def test_a_space_of_ones_own_counts_transformers_too(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(YAML)
    space = search_spaces.load(str(tmp_path / "mine.yaml"))
    network = space.architecture(
        {
            "resolution": 32,
            "width": 0.5,
            "conv_depth": 1.0,
            "attention_depth": 0.5,
            "stage2.mixer": "attention",
        }
    )
    wanted: dict[str, Any] = {
        "transformers": 1,
        "inner_channels": 16,
        "head_channels": 4,
        "mixer": "attention",
    }
    assert dict(network.stages[1].options) == wanted


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "depth_of: transformers",
            "depth_of: layers",
            "line 13: .*counts its depth in 'layers': expected blocks or",
        ),
        ("    block: mobilevit_v2", "    block: metaformer", "line 13: .*expected blocks\\."),
        ("heads: 4", "heads: 0", "line 15: .*heads"),
        (
            "[separable_attention, attention]",
            "separable_attention",
            "line 15: .*4 heads: expected inner_channels",
        ),
        ("    inner_channels: 32\n", "", "line 14: .*4 heads: expected inner_channels"),
        (
            "    options:\n      mixer: [",
            "    options:\n      transformers: 2\n      mixer: [",
            "line 17: .*not both",
        ),
        (
            "    block: inverted_residual",
            "    block: inverted_residual\n    inner_channels: 8",
            "line 10: .*leave inner",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert YAML.count(old) == 1
    (tmp_path / "mine.yaml").write_text(YAML.replace(old, new))
    with pytest.raises(SpaceError, match=said):
        search_spaces.load(str(tmp_path / "mine.yaml"))
