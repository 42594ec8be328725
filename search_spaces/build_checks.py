"""Checks before a search that every choice of a space can be built, on torch's meta device."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

import numpy as np
import torch

from search_spaces.architecture import Option, Stage
from search_spaces.blocks import BLOCKS
from search_spaces.building import block_factory, build
from search_spaces.choice import GLOBALS
from search_spaces.costs import COSTS
from search_spaces.counting import block_tape, count_parts, stage_layers
from search_spaces.errors import SpaceError
from search_spaces.mixers import MIXERS
from search_spaces.space import SearchSpace
from search_spaces.tape import Map
from search_spaces.tracing import trace_call

_LARGE_SIDE: Final = 2048
"""Smaller images of fewer channels than `_LARGE_CHANNELS` cannot lead to `_MOST_MACS`."""
_LARGE_CHANNELS: Final = 16_384
_MOST_MACS: Final = 2**53
"""Costs are int64; 32 stages of these, and what the choices together add, stay far below its end."""


def check_stage(space: SearchSpace, stage: int) -> None:
    """Raise unless each two values of choices of a stage, counted from 0, can be built at every width.

    Modules are built on torch's meta device, where they hold no numbers.

    Raises:
        SpaceError: says which choices cannot be built, at how many channels, and why.
    """
    codes = space.codes
    _, places = np.unique(codes.sizes[stage], return_index=True)
    for one in _covering(codes.forms[stage].blocks):
        mixer = one.mixer
        for width, own in zip(*np.unravel_index(places, codes.sizes[stage].shape), strict=True):
            built = codes.widened_inside(stage, one, int(width), int(own))
            channels = int(codes.channels[stage][width, own])
            try:
                with torch.device("meta"):
                    block_factory(built)(channels, channels, stride=one.stride)
            except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
                choices = ", ".join(f"{name} {value}" for name, value in built.options)
                raise SpaceError(
                    f"Stage {stage + 1} cannot have {choices} at {channels} channels: {error}. Offer other "
                    f"values."
                ) from error
        if not (BLOCKS.owns(one.block) and (mixer is None or MIXERS.owns(mixer))):
            _check_listing(one, int(space.codes.channels[stage][0, 0]))


def check_countable(space: SearchSpace, stage: int) -> None:
    """Raise if the MACs of a stage, counted from 0, may be too many for the integers that hold costs.

    Only images and channels far beyond those of any network reach this: other spaces are not looked at.

    Raises:
        SpaceError: says how many there are, and what makes them many.
    """
    codes = space.codes
    side, channels = space.resolution[-1], max(int(found.max()) for found in codes.channels)
    if side < _LARGE_SIDE and channels < _LARGE_CHANNELS:
        return
    largest = codes.radices - 1
    forms = codes.forms[stage]
    for skeleton in range(len(codes.skeletons)):
        if space.skeleton:
            largest[len(GLOBALS)] = skeleton
        network = codes.at(largest)
        for one in _covering(forms.blocks):
            whole = replace(one, channels=int(codes.channels[stage].max()), depth=int(forms.depth.max()))
            whole = codes.widened_inside(stage, whole, width=-1, own=-1)
            stages = (*network.stages[:stage], whole, *network.stages[stage + 1 :])
            found = count_parts(replace(network, stages=stages), num_classes=2)[stage + 1].costs
            if found.macs > _MOST_MACS:
                raise SpaceError(
                    f"Stage {stage + 1} would take {found.macs:.1e} MACs with images of {side:,} pixels and "
                    f"{channels:,} channels: expected at most {_MOST_MACS:.1e}. Offer less of either."
                )


def check_network(space: SearchSpace) -> None:
    """Raise unless the skeleton takes its options.

    Raises:
        ArchitectureError: says why the first network of the space cannot be built.
    """
    first = 0 * space.codes.radices
    for number in range(len(space.codes.skeletons)):
        if space.skeleton:
            first[len(GLOBALS)] = number
        with torch.device("meta"):
            build(space.codes.at(first), num_classes=2)


def _check_listing(stage: Stage, channels: int) -> None:
    """Raise unless somebody's own block or mixer lists what it runs, on a map of 8 x 8."""
    block = block_factory(stage)(channels, channels, stride=stage.stride)
    ran = trace_call(block, (channels, 8, 8))
    try:
        tape, _ = block_tape(stage_layers(stage, deploy=False), Map(channels, 8, 8), channels, stage.stride)
    except (AttributeError, TypeError) as error:
        raise SpaceError(
            f"Cannot price {stage.block} with {stage.mixer}: {error}. Expected a static method "
            f"layers(tape, x, *, deploy, ...) as in search_spaces/mixers."
        ) from error
    for name, counted in ran.items():
        listed = int(COSTS[name].of(tape))
        if listed != counted:
            raise SpaceError(
                f"{stage.block} with {stage.mixer} lists {listed} {name} at {channels} channels and 8 x 8, "
                f"but {counted} run. Correct its layers."
            )


def _covering(blocks: Sequence[Stage]) -> list[Stage]:
    """Return blocks in which every two values of two options meet at least once, for each block and mixer."""
    seen: set[tuple[str, str | None, tuple[tuple[str, Option], ...]]] = set()
    chosen: list[Stage] = []
    for one in blocks:
        values = sorted(one.options, key=lambda option: option[0])
        pairs = [*((value,) for value in values), *combinations(values, 2)]
        found = {(one.block, one.mixer, some) for some in pairs}
        if not found <= seen or not found or not chosen:
            seen |= found
            chosen.append(one)
    return chosen
