"""Counts exact facts of networks that may predict how well they learn: blocks, attention, receptive field.

    counts = graph_counts(space, codes, num_classes=10)      # of many networks of a space, an array each
    counts = architecture_counts(architecture, num_classes=10)

All are read off the layers that blocks list, so they hold for blocks and mixers of other packages too:

* ``blocks``: blocks that do something. One that returns its input does not count, nor one that is only a
  pointwise convolution where the shape changes; of a MobileViT block each transformer inside counts.
* ``stage1.blocks``, ``stage2.blocks``, ...: the same in each stage.
* ``attention_blocks``: share of these blocks that attend, in [0, 1].
* ``attention_macs``: share of the MACs that lie in such blocks, in [0, 1].
* ``receptive_field``: side of the square of pixels that one position of the last map is made from, not cut
  off where it is larger than the image; of a network that attends over a whole map at least the image's side.
* ``log_macs``, ``log_params``, ``log_activations``: natural logarithms of MACs, parameters and the elements
  that convolutions and linear layers write.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.block_facts import BlockFacts, block_facts, further_part
from search_spaces.counting import block_tape, count, stage_layers, stem_tape
from search_spaces.network_codes import NetworkCodes
from search_spaces.options import parts_inside
from search_spaces.pricing import prices
from search_spaces.receptive_field import Growth, growth
from search_spaces.space import SearchSpace
from search_spaces.space_listing import ListedBlock, list_space
from search_spaces.tape import Int, Map

Ints: TypeAlias = NDArray[np.int64]
Counts: TypeAlias = dict[str, NDArray[Any]]
"""One array [n] for each count, int64 or float64."""


def count_names(stages: int) -> tuple[str, ...]:
    """Return the names of all counts of networks with so many stages, in the order of a table."""
    of_stages = (f"stage{s}.blocks" for s in range(1, stages + 1))
    return (
        "blocks",
        *of_stages,
        "attention_blocks",
        "attention_macs",
        "receptive_field",
        "log_macs",
        "log_params",
        "log_activations",
    )


def graph_counts(
    space: SearchSpace | NetworkCodes,
    codes: Ints,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    deploy: bool = True,
) -> Counts:
    """Return the counts of many networks of a space, one array [n] each.

    Args:
        space: The space, or its encoding.
        codes: Rows of codes, [n, 4 + stages].
        num_classes: Class scores of the head, which are in MACs and parameters.
        in_channels: Channels of an image.
        deploy: Whether the form after re-parameterisation is counted, as budgets ask.
    """
    encoding = space.codes if isinstance(space, SearchSpace) else space
    table = _table(encoding, num_classes, in_channels, deploy)
    priced = prices(encoding, num_classes=num_classes, in_channels=in_channels, deploy=deploy)
    resolution, width, conv, attention = codes[:, :4].T
    stages = [
        _StageFacts(
            first=BlockFacts(*(np.asarray(a)[resolution, width, item] for a in facts.first)),
            rest=BlockFacts(*(np.asarray(a)[resolution, width, item] for a in facts.rest)),
            depth=depths[conv, attention, item],
            stride=stage.stride,
        )
        for stage, facts, depths, item in zip(
            encoding.space.stages, table.stages, encoding.depths, codes[:, 4:].T, strict=True
        )
    ]
    stem = Growth(*(np.array(values)[width] for values in zip(*table.stems, strict=True)))
    side = np.array(encoding.space.resolution)[resolution]
    costs = {name: priced.of(codes, name) for name in _LOGS}
    return _folded(side, stem, stages, costs)


def architecture_counts(
    architecture: Architecture, *, num_classes: int = 1000, in_channels: int = 3, deploy: bool = True
) -> dict[str, int | float]:
    """Return the counts of one network.

    Args:
        architecture: The network, which is not built.
        num_classes: Class scores of its head, which are in MACs and parameters.
        in_channels: Channels of an image.
        deploy: Whether the form after re-parameterisation is counted, as budgets ask.

    Raises:
        ArchitectureError: as `search_spaces.counting.count` does.
    """
    costs = count(architecture, num_classes=num_classes, in_channels=in_channels, deploy=deploy)
    side = architecture.resolution
    stem, x = stem_tape(architecture, Map(in_channels, side, side), deploy=deploy)
    stages = []
    y = x
    for stage in architecture.stages:
        layers = stage_layers(stage, deploy=deploy)
        facts = []
        for stride in (stage.stride, 1):
            tape, leaves = block_tape(layers, y, stage.channels, stride)
            listed = ListedBlock(tape, y, leaves, stage.channels, stride)
            facts.append(block_facts(listed, stage.mixer, parts_inside(stage)))
            y = leaves
        first, rest = facts
        stages.append(_StageFacts(first, rest, stage.depth, stage.stride))
    found = _folded(side, growth(stem, x), stages, {name: costs[name] for name in _LOGS})
    return {name: np.asarray(value).item() for name, value in found.items()}


class _StageFacts(NamedTuple):
    """What the first and each further block of a stage do; each an int or an array [n]."""

    first: BlockFacts
    rest: BlockFacts
    depth: Int
    stride: int


class _Table(NamedTuple):
    """What each stem does, [widths], and the facts of each stage, [resolutions, widths, items]."""

    stems: list[Growth]
    stages: "list[_StageTable]"


class _StageTable(NamedTuple):
    first: BlockFacts
    rest: BlockFacts


def _folded(side: Int, stem: Growth, stages: Sequence[_StageFacts], costs: Mapping[str, Int]) -> Counts:
    """Return the counts of networks from what their parts do, each an array [n]."""
    blocks: Int = 0
    attending: Int = 0
    attention_macs: Int = 0
    whole, jump = stem.whole, stem.jump
    height, width = 1 + stem.height, 1 + stem.width
    of_stages = {}
    for number, (first, rest, depth, stride) in enumerate(stages, 1):
        further = depth - 1
        of_stages[f"stage{number}.blocks"] = np.asarray(first.works + further * rest.works)
        blocks = blocks + of_stages[f"stage{number}.blocks"]
        attending = attending + first.attends + further * rest.attends
        attention_macs = attention_macs + first.attention_macs + further * rest.attention_macs
        whole = np.maximum(whole, np.maximum(first.whole, rest.whole * (further > 0)))
        height = height + jump * (first.height + further * stride * rest.height)
        width = width + jump * (first.width + further * stride * rest.width)
        jump = jump * stride
    seen = np.maximum(height, width)
    return {
        "blocks": np.asarray(blocks),
        **of_stages,
        "attention_blocks": np.asarray(attending / np.maximum(blocks, 1)),
        "attention_macs": np.asarray(attention_macs / np.maximum(costs["macs"], 1)),
        "receptive_field": np.where(whole > 0, np.maximum(seen, side), seen),
        **{f"log_{name}": np.log(costs[name]) for name in _LOGS},
    }


_LOGS: Final = ("macs", "params", "activations")
_FACTS: Final = len(BlockFacts.__annotations__)


@lru_cache(maxsize=8)
def _table(codes: NetworkCodes, num_classes: int, in_channels: int, deploy: bool) -> _Table:
    """Return what every part of a space does, made once for each kind of image."""
    space = codes.space
    shapes = [(len(space.resolution), len(space.width), len(menu)) for menu in codes.menus]
    stages = [
        _StageTable(*(BlockFacts(*(np.zeros(shape, np.int64) for _ in range(_FACTS))) for _ in range(2)))
        for shape in shapes
    ]
    stems = []
    for width in range(len(space.width)):
        listed = list_space(codes, width, num_classes=num_classes, in_channels=in_channels, deploy=deploy)
        stems.append(growth(listed.stem, listed.enters))
        for group in listed.items:
            stage = codes.menus[group.stage][group.items[0]].stage
            parts = (1, 2) if group.inside else (parts_inside(stage),) * 2
            blocks = zip((group.first, group.rest), parts, strict=True)
            found = [block_facts(block, stage.mixer, inside) for block, inside in blocks]
            if group.inside:
                found[1] = further_part(*found, group.first.stride)
            for facts, values in zip(stages[group.stage], found, strict=True):
                for array, value in zip(facts, values, strict=True):
                    shape = (len(space.resolution), len(group.items))
                    np.asarray(array)[:, width, group.items] = np.broadcast_to(value, shape)
    return _Table(stems, stages)
