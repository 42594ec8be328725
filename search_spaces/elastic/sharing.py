"""Decides which blocks of a stage use the same shared tensors, from what their classes say of nesting.

Two blocks at one place of a stage share weights if they differ only in choices that nest: channels, kernel
and expansion unless a block or mixer says otherwise (`search_spaces.options.Nesting`). Every other value of
a choice, such as a mixer, a dilation or a gate, has weights of its own.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import torch

from search_spaces.architecture import Option, Options, Stage
from search_spaces.blocks import BLOCKS
from search_spaces.building import block_factory
from search_spaces.mixers import MIXERS
from search_spaces.options import CHANNELS, nested_of, routed, structural_options
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import MenuItem
from search_spaces.weight_bits import WEIGHT_BITS


def own_options(stage: Stage) -> dict[str, Option]:
    """Return the options of a stage, its mixer left out, each value of which has weights of its own."""
    of_block, of_mixer = routed(stage)
    nested_by_block = nested_of(BLOCKS[stage.block])
    nested_by_mixer = frozenset[str]() if stage.mixer is None else nested_of(MIXERS[stage.mixer])
    return {
        name: value
        for name, value in stage.options
        if (name in of_block and name not in nested_by_block)
        or (name in of_mixer and name not in nested_by_mixer)
    }


def nested_options(stage: Stage) -> dict[str, Option]:
    """Return the options of a stage for which the weights of a smaller value are part of a larger one's."""
    apart = {*own_options(stage), "mixer", WEIGHT_BITS}  # the bits of weights change none of their sizes
    return {name: value for name, value in stage.options if name not in apart}


def own_channels(stage: Stage) -> tuple[bool, bool]:
    """Return whether each width of the block, and of its mixer, has weights of its own."""
    mixer = stage.mixer
    return (
        CHANNELS not in nested_of(BLOCKS[stage.block]),
        mixer is not None and CHANNELS not in nested_of(MIXERS[mixer]),
    )


def own_first(space: SearchSpace) -> tuple[bool, ...]:
    """Return of each stage whether its first block has weights of its own for each pair of channels.

    A block that does not stride has other layers where its channels stay than where they change. Where stages
    choose their widths both happen, and neither holds the other.
    """
    chosen = [bool(space.skeleton), *(len(stage.width) > 1 for stage in space.stages)]
    return tuple(
        stage.stride == 1 and (before or own)
        for stage, before, own in zip(space.stages, chosen, chosen[1:], strict=False)
    )


class StageSharing:
    """Which of the blocks that one stage may repeat share weights.

    Args:
        menu: Every distinct stage that it offers.
        blocks: Every distinct block of these.
        channels: Channels at which the structures of blocks are compared.
    """

    def __init__(self, menu: Sequence[MenuItem], blocks: Sequence[Stage], channels: int) -> None:
        self._menu, self._channels, self._inside = menu, channels, menu[0].inside
        self._blocks = blocks if self._inside is None else [item.stage for item in menu]
        self._groups: dict[tuple[str, Options], str] = {}

    def groups(self, stage: Stage) -> tuple[str, ...]:
        """Return the name of the group of each run of equal blocks of a stage."""
        return tuple(self.group(run) for run in stage.runs)

    def group(self, stage: Stage) -> str:
        """Return the name of the blocks that share weights with these, which are alike, at the same place."""
        if self._inside is not None:
            stage = self._inside.stripped(stage)
        known = self._groups.get((stage.block, stage.options))
        if known is None:
            known = "/".join([_named(stage), *self._structures.get(_structure_key(stage), ())])
            self._groups[stage.block, stage.options] = known
        return known

    def owns_mixer(self, stage: Stage) -> bool:
        """Return whether each width of the mixer has weights of its own, because its heads widen with it."""
        return self._inside is not None and self._inside.heads_of(stage.mixer) > 0

    def _of_depths(self, item: MenuItem) -> tuple[str, ...]:
        """Return the groups of the runs of an item at all its depths, if its blocks differ at any of them."""
        if all(len(set(options)) == 1 for options in item.by_depth.values()):
            return self.groups(item.stage)
        stage = item.stage
        made = [
            Stage.made_of(stage.block, stage.channels, stage.stride, options)
            for _, options in sorted(item.by_depth.items())
        ]
        return tuple(group for one in made for group in ("", *self.groups(one)))

    @cached_property
    def largest(self) -> list[MenuItem]:
        """For each group, blocks that together have every nested option at its largest value."""
        groups: dict[tuple[str, ...], list[MenuItem]] = {}
        for item in self._menu:
            groups.setdefault(self._of_depths(item), []).append(item)
        found: dict[tuple[Option, ...], MenuItem] = {}
        for items in groups.values():
            nested = {name: None for run in items[0].stage.runs for name in nested_options(run)}
            for first in nested or {"": None}:
                best = max(items, key=_sizes(first))
                found[best.slots] = best
        return list(found.values())

    @cached_property
    def _structures(self) -> dict[tuple[str, tuple[tuple[str, Option], ...]], tuple[str, ...]]:
        """The names that tell structures apart, for blocks whose nested options change their layers."""
        signatures: dict[str, dict[object, list[Stage]]] = {}
        for block in self._blocks:
            if _nested_structure(block):
                alike = signatures.setdefault(_named(block), {})
                alike.setdefault(_signature(block, self._channels), []).append(block)
        found = {}
        for by_signature in signatures.values():
            for stages in by_signature.values() if len(by_signature) > 1 else ():
                names = []
                for name in _nested_structure(stages[0]):
                    values = dict.fromkeys(dict(stage.options)[name] for stage in stages)
                    names.append(f"{name}={'|'.join(map(str, values))}")
                for stage in stages:
                    found[_structure_key(stage)] = tuple(names)
        return found


def _named(stage: Stage) -> str:
    own = [f"{name}={value}" for name, value in own_options(stage).items()]
    return "/".join([stage.block, *([] if stage.mixer is None else [stage.mixer]), *own])


def _structure_key(stage: Stage) -> tuple[str, tuple[tuple[str, Option], ...]]:
    given = dict(stage.options)
    return _named(stage), tuple((name, given[name]) for name in _nested_structure(stage))


def _nested_structure(stage: Stage) -> list[str]:
    """Return the options that nest and may change which layers there are."""
    return sorted(structural_options(stage) & set(nested_options(stage)))


def _signature(stage: Stage, channels: int) -> object:
    """Return what blocks of one structure have in common: their weights and the layers that hold them."""
    with torch.device("meta"):
        block = block_factory(stage)(channels, channels, stride=1)
    return tuple(
        (name, weight.ndim, type(block.get_submodule(name.rpartition(".")[0])).__name__)
        for name, weight in block.named_parameters()
    )


def _sizes(first: str) -> Callable[[MenuItem], tuple[float, ...]]:
    """Return a key that orders stages by one option, then by the others, the depth and the width."""

    def sizes(item: MenuItem) -> tuple[float, ...]:
        given = [nested_options(run) for run in item.stage.runs]
        names = sorted({*given[0].keys()}.union(*given), key=lambda name: (name != first, name))
        values = [one[name] for name in names for one in given if name in one]
        return (
            *(float(value) if isinstance(value, int | float) else 0.0 for value in values),
            item.stage.depth,
            item.width,
        )

    return sizes
