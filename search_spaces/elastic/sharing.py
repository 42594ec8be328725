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
from search_spaces.stage_choices import MenuItem


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
    own = own_options(stage)
    return {name: value for name, value in stage.options if name not in own and name != "mixer"}


def own_channels(stage: Stage) -> tuple[bool, bool]:
    """Return whether each width of the block, and of its mixer, has weights of its own."""
    mixer = stage.mixer
    return (
        CHANNELS not in nested_of(BLOCKS[stage.block]),
        mixer is not None and CHANNELS not in nested_of(MIXERS[mixer]),
    )


class StageSharing:
    """Which of the blocks that one stage may repeat share weights.

    Args:
        menu: Every distinct block of the stage.
        channels: Channels at which the structures of blocks are compared.
    """

    def __init__(self, menu: Sequence[MenuItem], channels: int) -> None:
        self._menu, self._channels, self._inside = menu, channels, menu[0].inside
        self._groups: dict[tuple[str, Options], str] = {}

    def group(self, stage: Stage) -> str:
        """Return the name of the blocks that share weights with this one at the same place."""
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

    @cached_property
    def largest(self) -> list[MenuItem]:
        """For each group, blocks that together have every nested option at its largest value."""
        groups: dict[str, list[MenuItem]] = {}
        for item in self._menu:
            groups.setdefault(self.group(item.stage), []).append(item)
        found: dict[tuple[Option, ...], MenuItem] = {}
        for items in groups.values():
            for first in nested_options(items[0].stage) or {"": None}:
                best = max(items, key=_sizes(first))
                found[best.slots] = best
        return list(found.values())

    @cached_property
    def _structures(self) -> dict[tuple[str, tuple[tuple[str, Option], ...]], tuple[str, ...]]:
        """The names that tell structures apart, for blocks whose nested options change their layers."""
        signatures: dict[str, dict[object, list[Stage]]] = {}
        for item in self._menu:
            if _nested_structure(item.stage):
                alike = signatures.setdefault(_named(item.stage), {})
                alike.setdefault(_signature(item.stage, self._channels), []).append(item.stage)
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
    """Return a key that orders blocks by one option, then by the others and the depth."""

    def sizes(item: MenuItem) -> tuple[float, ...]:
        given = nested_options(item.stage)
        names = sorted(given, key=lambda name: (name != first, name))
        return (
            *(float(value) if isinstance(value := given[name], int | float) else 0.0 for name in names),
            item.stage.depth,
        )

    return sizes
