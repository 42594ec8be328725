"""Bits of weights: a choice of each stage, one description for one network, exact in the weights cost."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import search_spaces
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.blocks import BLOCKS
from search_spaces.errors import SpaceError
from search_spaces.mixers import MIXERS
from search_spaces.pricing import prices
from search_spaces.space import SearchSpace
from search_spaces.space_record import from_record, space_digest, to_record
from search_spaces.stage_blocks import takes_mixer
from search_spaces.weight_bits import bits_of, marked_blocks, packed_bytes
from search_spaces.whole_weights import offers_four_bits, with_whole_weights
from trials.latency.onnx_model import deployed

SPACE = """
version: 2
name: two_bits
resolution: [16, 24]
width: [0.5, 1.0]
weight_bits: [8, 4]
options: {stem_channels: 16, head_channels: 32}
stages:
  - {channels: 32, depth: [1, 2], stride: 2, options: {mixer: [depthwise, attention], kernel: [3, 5]}}
  - {channels: 64, stride: 2, weight_bits: 8, options: {mixer: depthwise, kernel: [3, 5]}}
  - {channels: 64, stride: 2, weight_bits: 4, options: {mixer: depthwise, kernel: [3, 5]}}
"""


def space_of(text: str, folder: Path) -> SearchSpace:
    (folder / "space.yaml").write_text(text)
    return search_spaces.load(str(folder / "space.yaml"))


@pytest.fixture
def space(tmp_path: Path) -> SearchSpace:
    return space_of(SPACE, tmp_path)


def test_each_stage_that_offers_both_has_a_slot_and_networks_say_four_bits_alone(space: SearchSpace) -> None:
    slots = {choice.name: choice.values for choice in space.choices}
    assert slots["stage1.weight_bits"] == (4, 8)
    assert "stage2.weight_bits" not in slots
    drawn = [space.sample(np.random.default_rng(seed)) for seed in range(60)]
    bits = {tuple(bits_of(stage.options) for stage in one.stages) for one in drawn}
    assert bits == {(4, 8, 4), (8, 8, 4)}
    assert all(dict(stage.options).get("weight_bits", 4) == 4 for one in drawn for stage in one.stages)


def test_networks_round_trip_and_tables_price_them_as_counts_do(space: SearchSpace) -> None:
    table, rng = prices(space.codes, num_classes=10), np.random.default_rng(0)
    for _ in range(100):
        one = space.sample(rng)
        assert space.decode(space.encode(one)) == one
        assert Architecture.from_json(one.to_json()) == one
        counted = search_spaces.count(one, num_classes=10, deploy=True)
        assert table.costs(space.codes.code_of(one)[None]) == [counted]


def test_a_space_is_stored_with_its_bits_and_without_them_is_as_if_it_never_had_any(
    space: SearchSpace, tmp_path: Path
) -> None:
    assert space_digest(from_record(json.loads(json.dumps(to_record(space))))) == space_digest(space)
    plain = "\n".join(line for line in SPACE.splitlines() if not line.startswith("weight_bits"))
    plain = plain.replace("weight_bits: 8, ", "").replace("weight_bits: 4, ", "")
    assert offers_four_bits(space)
    assert space_digest(with_whole_weights(space)) == space_digest(space_of(plain, tmp_path))


def _parts() -> list[tuple[str, str | None]]:
    mixers: list[tuple[str, str | None]] = [("metaformer", mixer) for mixer in MIXERS]
    return mixers + [(block, "depthwise" if takes_mixer(block) else None) for block in BLOCKS]


@pytest.mark.parametrize(("block", "mixer"), _parts())
def test_four_bits_count_what_the_convolutions_of_the_built_block_take(block: str, mixer: str | None) -> None:
    options = {"weight_bits": 4} | ({} if mixer is None else {"mixer": mixer})
    stage = Stage(block=block, channels=32, depth=2, stride=2, options=options_of(options))
    architecture = Architecture(network="pyramid", resolution=32, stages=(stage,))
    costs = search_spaces.count(architecture, num_classes=10, deploy=True)
    network = deployed(search_spaces.build(architecture, num_classes=10))
    assert marked_blocks(network) == ("stages.0.0", "stages.0.1")
    packed, whole = 0, costs.params
    for path, module in network.named_modules():
        if path.startswith(marked_blocks(network)) and isinstance(module, nn.Conv2d):
            packed += int(packed_bytes(len(module.weight), module.weight[0].numel()))
            whole -= module.weight.numel()
    assert costs.weights == 4 * (packed + whole)
    plain = replace(architecture, stages=(replace(stage, options=options_of({**options, "weight_bits": 8})),))
    assert search_spaces.count(plain, num_classes=10, deploy=True).weights == 4 * costs.params


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "weight_bits: [8, 4]",
            "weight_bits: [8, 3]",
            "line 6: 'weight_bits.2' got '3': Input should be 8 or 4",
        ),
        ("version: 2", "version: 1", "'weight_bits' is of version 2"),
        ("attention], kernel", "attention], weight_bits: 16, kernel", "weight_bits 16: expected 8 or 4"),
    ],
)
def test_other_bits_are_an_error_of_one_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="weight_bits") as raised:
        space_of(SPACE.replace(old, new), tmp_path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
