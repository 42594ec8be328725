"""Lists every block of a space once for each width, all resolutions and sizes at once, as tapes of layers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from search_spaces.architecture import Architecture, Stage
from search_spaces.counting import block_tape, head_tape, stage_layers, stem_tape
from search_spaces.network_codes import NetworkCodes
from search_spaces.options import structural_options
from search_spaces.tape import Map, Tape
from search_spaces.weight_bits import WEIGHT_BITS, bits_of


class ListedBlock(NamedTuple):
    """The layers of a block as they run, sizes being ints or arrays [resolutions, blocks].

    Attributes:
        tape: Its layers.
        enters: The map that it reads.
        leaves: The map that it returns.
        channels: Channels that it is asked for.
        stride: Stride that it is asked for.
    """

    tape: Tape
    enters: Map
    leaves: Map
    channels: int
    stride: int


class FirstBlock(NamedTuple):
    """The first block of a stage behind stages of equal channels.

    Attributes:
        before: Width factors of the stage in front that give these channels.
        block: Its layers.
    """

    before: list[int]
    block: ListedBlock


class ListedItems(NamedTuple):
    """Blocks of one stage that differ in whole numbers only.

    Attributes:
        stage: The stage, counted from 0.
        blocks: Which of its distinct blocks.
        own: Width factors of the stage that give its channels.
        first: The first block of the stage, for every number of channels that may enter.
        rest: Each further block.
    """

    stage: int
    blocks: list[int]
    own: list[int]
    first: list[FirstBlock]
    rest: ListedBlock


class ListedHead(NamedTuple):
    """The layers behind the stages.

    Attributes:
        before: Width factors of the last stage that give the channels that enter.
        tape: The layers.
    """

    before: list[int]
    tape: Tape


class ListedSpace(NamedTuple):
    """Every part of the networks of a space at one width, with one choice of its skeleton.

    Attributes:
        stem: The layers in front of the stages.
        enters: The map that the stem makes.
        items: The blocks of every stage.
        heads: The layers behind the stages.
    """

    stem: Tape
    enters: Map
    items: tuple[ListedItems, ...]
    heads: tuple[ListedHead, ...]


def list_space(
    codes: NetworkCodes, width: int, *, num_classes: int, in_channels: int, deploy: bool, skeleton: int = 0
) -> ListedSpace:
    """Return the layers of stem, blocks and head, sizes being ints or arrays [resolutions, blocks].

    Args:
        codes: The networks of the space.
        width: Which width factor, counted from 0.
        num_classes: Class scores of the head.
        in_channels: Channels of an image.
        deploy: Whether the form after re-parameterisation is listed.
        skeleton: Which choice of the skeleton, counted from 0.
    """
    described = _anything(codes, width, skeleton)
    sides = np.array(codes.space.resolution, dtype=np.int64)[:, None]  # [r, 1]
    stem, enters = stem_tape(described, Map(in_channels, sides, sides), deploy=deploy)
    items: list[ListedItems] = []
    entering = {int(enters.channels): ([0], enters)}
    for number, (forms, sizes) in enumerate(zip(codes.forms, codes.sizes, strict=True)):
        leaving: dict[int, tuple[list[int], Map]] = {}
        for size in sorted({*sizes[width].tolist()}):
            own = np.flatnonzero(sizes[width] == size).tolist()
            for alike in _alike(forms.blocks):
                blocks = [forms.blocks[i] for i in alike]
                block = codes.widened_inside(number, blocks[0], width, own[0])
                wide = replace(block, channels=int(codes.channels[number][width, own[0]]))
                first, rest = _listed(blocks, wide, entering, deploy=deploy)
                items.append(ListedItems(number, alike, own, first, rest))
            leaving[size] = (own, items[-1].rest.leaves)
        entering = leaving
    heads = tuple(
        ListedHead(before, head_tape(described, x, num_classes, deploy=deploy))
        for before, x in entering.values()
    )
    return ListedSpace(stem, enters, tuple(items), heads)


def _listed(
    blocks: Sequence[Stage], built: Stage, entering: dict[int, tuple[list[int], Map]], *, deploy: bool
) -> tuple[list[FirstBlock], ListedBlock]:
    """Return blocks that differ in whole numbers only, as first and as further ones of a stage.

    Args:
        blocks: The blocks.
        built: The first of them with its channels.
        entering: Every map that may enter the stage, with what the stage in front has for it.
        deploy: Whether the form after re-parameterisation is listed.
    """
    varying = [
        (name, np.array([dict(block.options)[name] for block in blocks], np.int64)[None])
        for name in _varying(blocks[0])
    ]  # each [1, blocks]
    layers = stage_layers(built, deploy=deploy, arrays=varying)
    channels, bits = built.channels, bits_of(built.options)
    first = []
    for before, x in entering.values():
        tape, leaves = block_tape(layers, x, channels, built.stride, bits)
        first.append(FirstBlock(before, ListedBlock(tape, x, leaves, channels, built.stride)))
    enters = first[-1].block.leaves
    tape, leaves = block_tape(layers, enters, channels, 1, bits)
    return first, ListedBlock(tape, enters, leaves, channels, 1)


def _anything(codes: NetworkCodes, width: int, skeleton: int) -> Architecture:
    """Return a network of the space at a width, for what does not depend on its blocks."""
    space = codes.space
    return Architecture(
        network=space.network,
        resolution=space.resolution[0],
        stages=tuple(forms.blocks[0] for forms in codes.forms),
        options=codes.network_options(space.width[width], skeleton),
    )


def _varying(block: Stage) -> list[str]:
    """Return the options that a listing takes as arrays: whole numbers that change no structure."""
    structural = structural_options(block)
    return [k for k, v in block.options if type(v) is int and k not in structural and k != WEIGHT_BITS]


def _alike(blocks: tuple[Stage, ...]) -> list[list[int]]:
    """Return the blocks in groups that differ in whole numbers only."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, block in enumerate(blocks):
        varying = _varying(block)
        fixed = tuple(option for option in block.options if option[0] not in varying)
        groups.setdefault((block.block, fixed, tuple(varying)), []).append(i)
    return list(groups.values())
