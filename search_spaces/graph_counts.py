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
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.block_facts import BlockFacts, block_facts
from search_spaces.code_places import places
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
        codes: Rows of codes, [n, codes].
        num_classes: Class scores of the head, which are in MACs and parameters.
        in_channels: Channels of an image.
        deploy: Whether the form after re-parameterisation is counted, as budgets ask.
    """
    encoding = space.codes if isinstance(space, SearchSpace) else space
    table = _table(encoding, num_classes, in_channels, deploy)
    priced = prices(encoding, num_classes=num_classes, in_channels=in_channels, deploy=deploy)
    found = places(encoding, codes)
    stages = [
        _StageFacts(
            first=_taken(facts.first, (*found.factors, at.before, at.own, at.first)),
            rest=[
                (_taken(facts.rest, (*found.factors, at.own, block)), count)
                for block, count in zip(at.rest.T, at.repeats.T, strict=True)
            ],
            stride=stage.stride,
        )
        for stage, facts, at in zip(encoding.space.stages, table.stages, found.stages, strict=True)
    ]
    stem = Growth(*(np.asarray(values)[found.width, found.skeleton] for values in table.stems))
    side = np.array(encoding.space.resolution)[found.resolution]
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
        facts = []
        for run in stage.runs:
            layers = stage_layers(run, deploy=deploy)
            for stride, times in ((run.stride, 1), (1, run.depth - 1)):
                tape, leaves = block_tape(layers, y, stage.channels, stride)
                block = ListedBlock(tape, y, leaves, stage.channels, stride)
                facts.append((block_facts(block, run.mixer, parts_inside(run)), times))
                y = leaves
        stages.append(_StageFacts(facts[0][0], facts[1:], stage.stride))
    found = _folded(side, growth(stem, x), stages, {name: costs[name] for name in _LOGS})
    return {name: np.asarray(value).item() for name, value in found.items()}


class _StageFacts(NamedTuple):
    """What the first block of a stage does, and different ones behind it with how often each runs."""

    first: BlockFacts
    rest: Sequence[tuple[BlockFacts, Int]]
    stride: int


class _Table(NamedTuple):
    """What each stem does, a number or [widths, skeletons] of each, and the facts of each stage."""

    stems: Growth
    stages: "list[_StageTable]"


class _StageTable(NamedTuple):
    """What blocks do first in a stage, and later.

    [resolutions, widths, skeletons, factors in front, own factors, blocks], later without factors in front.
    """

    first: BlockFacts
    rest: BlockFacts


def _taken(facts: BlockFacts, at: tuple[Ints, ...]) -> BlockFacts:
    """Return the facts that lie in tables at some indices, each [n]."""
    return BlockFacts(*(np.asarray(table)[at] for table in facts))


def _folded(side: Int, stem: Growth, stages: Sequence[_StageFacts], costs: Mapping[str, Int]) -> Counts:
    """Return the counts of networks from what their parts do, each an array [n]."""
    blocks: Int = 0
    attending: Int = 0
    attention_macs: Int = 0
    whole, jump = stem.whole, stem.jump
    height, width = 1 + stem.height, 1 + stem.width
    of_stages = {}
    for number, (first, rest, stride) in enumerate(stages, 1):
        works: Int = first.works
        attending = attending + first.attends
        attention_macs = attention_macs + first.attention_macs
        whole = np.maximum(whole, first.whole)
        height, width = height + jump * first.height, width + jump * first.width
        jump = jump * stride
        for facts, times in rest:
            works = works + times * facts.works
            attending = attending + times * facts.attends
            attention_macs = attention_macs + times * facts.attention_macs
            whole = np.maximum(whole, facts.whole * (times > 0))
            height, width = height + jump * times * facts.height, width + jump * times * facts.width
        of_stages[f"stage{number}.blocks"] = np.asarray(works)
        blocks = blocks + works
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
    shape = (len(space.resolution), len(space.width), len(codes.skeletons))
    factors = [1, *(len(stage.width) for stage in space.stages)]
    stages = [
        _StageTable(_nothing((*shape, before, own, blocks)), _nothing((*shape, own, blocks)))
        for before, own, blocks in zip(
            factors, factors[1:], [len(forms.blocks) for forms in codes.forms], strict=False
        )
    ]
    stems = []
    for width, skeleton in np.ndindex(shape[1:]):
        listed = list_space(
            codes, width, num_classes=num_classes, in_channels=in_channels, deploy=deploy, skeleton=skeleton
        )
        stems.append(growth(listed.stem, listed.enters))
        for group in listed.items:
            one = codes.forms[group.stage].blocks[group.blocks[0]]
            known = partial(block_facts, mixer=one.mixer, parts=parts_inside(one))
            own, blocks = np.array(group.own)[:, None], np.array(group.blocks)
            table = stages[group.stage]
            for before, block in group.first:
                at = (np.array(before)[:, None, None], own, blocks)
                _write(table.first, known(block), (slice(None), width, skeleton), at)
            _write(table.rest, known(group.rest), (slice(None), width, skeleton), (own, blocks))
    by_stem = (np.array(values).reshape(shape[1:]) for values in zip(*stems, strict=True))
    return _Table(Growth(*by_stem), stages)


def _nothing(shape: tuple[int, ...]) -> BlockFacts:
    return BlockFacts(*(np.zeros(shape, np.int64) for _ in range(_FACTS)))


def _write(
    table: BlockFacts, facts: BlockFacts, where: tuple[int | slice, ...], at: tuple[Ints, ...]
) -> None:
    """Write what blocks do, each an int or [resolutions, blocks], at some indices of tables."""
    for array, value in zip(table, facts, strict=True):
        view = np.asarray(array)[where]  # [resolutions, ...]
        rows = np.broadcast_to(value, (len(view), len(at[-1])))
        chosen: tuple[slice | Ints, ...] = (slice(None), *at)
        view[chosen] = rows.reshape(len(view), *(1,) * (len(at) - 1), len(at[-1]))
