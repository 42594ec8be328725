"""Lists every block of a space once for each width, all resolutions and sizes at once, as tapes of layers."""

from typing import NamedTuple

import numpy as np

from search_spaces.architecture import Architecture, Stage
from search_spaces.counting import block_tape, head_tape, stage_layers, stem_tape
from search_spaces.network_codes import NetworkCodes
from search_spaces.options import structural_options
from search_spaces.stage_choices import MenuItem
from search_spaces.tape import Map, Tape


class ListedBlock(NamedTuple):
    """The layers of a block as they run, sizes being ints or arrays [resolutions, items].

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


class ListedItems(NamedTuple):
    """Menu items of one stage that differ in whole numbers only.

    Attributes:
        stage: The stage, counted from 0.
        items: Which items of its menu.
        first: The first block of the stage.
        rest: Each further block; where depth counts what is inside one block, the block with two of it.
        inside: Whether depth counts what is inside one block, of which `first` has one.
    """

    stage: int
    items: list[int]
    first: ListedBlock
    rest: ListedBlock
    inside: bool = False


class ListedSpace(NamedTuple):
    """Every part of the networks of a space at one width.

    Attributes:
        stem: The layers in front of the stages.
        enters: The map that the stem makes.
        items: The blocks of every stage with every item of its menu.
        head: The layers behind the stages.
    """

    stem: Tape
    enters: Map
    items: tuple[ListedItems, ...]
    head: Tape


def list_space(
    codes: NetworkCodes, width: int, *, num_classes: int, in_channels: int, deploy: bool
) -> ListedSpace:
    """Return the layers of stem, blocks and head, sizes being ints or arrays [resolutions, items].

    Args:
        codes: The networks of the space.
        width: Which width factor, counted from 0.
        num_classes: Class scores of the head.
        in_channels: Channels of an image.
        deploy: Whether the form after re-parameterisation is listed.
    """
    described = _anything(codes, width)
    sides = np.array(codes.space.resolution, dtype=np.int64)[:, None]  # [r, 1]
    stem, enters = stem_tape(described, Map(in_channels, sides, sides), deploy=deploy)
    items: list[ListedItems] = []
    x = enters
    for s, menu in enumerate(codes.menus):
        for alike in _alike(menu):
            stages = [codes.stage_of(menu[alike[0]], codes.space.width[width], depth) for depth in (1, 2)]
            items.append(_listed(menu, s, alike, x, stages, deploy=deploy))
        x = items[-1].rest.leaves
    head = head_tape(described, x, num_classes, deploy=deploy)
    return ListedSpace(stem, enters, tuple(items), head)


def _listed(
    menu: tuple[MenuItem, ...], s: int, items: list[int], x: Map, stages: list[Stage], *, deploy: bool
) -> ListedItems:
    """Return items that differ in whole numbers only, from the stages of one of them of depths 1 and 2."""
    stage, deeper = stages
    channels = stage.channels
    varying = [
        (name, np.array([dict(menu[i].stage.options)[name] for i in items], np.int64)[None])
        for name in _varying(menu[items[0]])
    ]  # each [1, items]
    layers = stage_layers(stage, deploy=deploy, arrays=varying)
    first, y = block_tape(layers, x, channels, stage.stride)
    if deeper.depth == 1:
        layers = stage_layers(deeper, deploy=deploy, arrays=varying)
        rest, z = block_tape(layers, x, channels, stage.stride)
        blocks = [ListedBlock(tape, x, out, channels, stage.stride) for tape, out in ((first, y), (rest, z))]
        return ListedItems(s, items, *blocks, inside=True)
    rest, z = block_tape(layers, y, channels, 1)
    return ListedItems(
        s, items, ListedBlock(first, x, y, channels, stage.stride), ListedBlock(rest, y, z, channels, 1)
    )


def _anything(codes: NetworkCodes, width: int) -> Architecture:
    """Return a network of the space at a width, for what does not depend on its blocks."""
    space = codes.space
    return Architecture(
        network=space.network,
        resolution=space.resolution[0],
        stages=tuple(menu[0].stage for menu in codes.menus),
        options=codes.network_options(space.width[width]),
    )


def _varying(item: MenuItem) -> list[str]:
    """Return the options that a listing takes as arrays: whole numbers that change no structure."""
    structural = structural_options(item.stage)
    return [k for k, v in item.stage.options if type(v) is int and k not in structural]


def _alike(menu: tuple[MenuItem, ...]) -> list[list[int]]:
    """Return the menu items in groups that differ in whole numbers only."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, item in enumerate(menu):
        varying = _varying(item)
        fixed = tuple(option for option in item.stage.options if option[0] not in varying)
        groups.setdefault((item.stage.block, fixed, tuple(varying)), []).append(i)
    return list(groups.values())
