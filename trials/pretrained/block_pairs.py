"""Pairs the blocks of two networks, and the weights of paired blocks by what they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from torch import nn

from search_spaces.architecture import Architecture
from trials.pretrained.names import Part, parts_of

_UNNAMED: Final = ("head", "second_head")  # whose rows are classes


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A weight of a network and the donor's that it comes from.

    Attributes:
        ours: Name of the weight.
        theirs: Name of the donor's.
        added: Whether its block has no counterpart in the donor, and is a copy of the last one before it.
    """

    ours: str
    theirs: str
    added: bool


def pairs(
    donor: tuple[nn.Module, Architecture], network: tuple[nn.Module, Architecture]
) -> tuple[list[Pair], list[str]]:
    """Return the weights that have a counterpart, and the paths of blocks that have none.

    Args:
        donor: The donor's network and its architecture.
        network: The network that inherits and its architecture.
    """
    theirs, ours = _blocks(*donor), _blocks(*network)
    found = [pair for role in {**ours[-1]} for pair in _pair(ours[-1], theirs[-1], role, donor, network)]
    added = []
    for here, there in _groups(donor[1], network[1]):
        for position, number in enumerate(here):
            source = there[min(position, len(there) - 1)]
            more = position >= len(there)
            if more and len(there) == 1:  # the only one strides or widens
                continue
            mine, its = ours[number], theirs[source]
            if mine and its and mine.keys() and _same_wiring(mine, its):
                found += [
                    Pair(p.ours, p.theirs, more)
                    for role in mine
                    for p in _pair(mine, its, role, donor, network)
                ]
                if more:
                    added.append(_path(next(iter(mine.values()))))
    return found, added


def _blocks(network: nn.Module, architecture: Architecture) -> list[dict[str, Part]]:
    """Return the parts of each block by role, and behind them those outside of blocks."""
    count = sum(stage.depth for stage in architecture.stages)
    found: list[dict[str, Part]] = [{} for _ in range(count + 1)]
    for part in parts_of(network, [stage.block for stage in architecture.stages]):
        if part.role not in _UNNAMED:
            found[count if part.block is None else part.block][part.role] = part
    return found


def _groups(donor: Architecture, network: Architecture) -> list[tuple[list[int], list[int]]]:
    """Return groups of blocks at one place of the network, ours and the donor's: stages, or levels."""
    same = [s.stride for s in donor.stages] == [s.stride for s in network.stages]
    ours, theirs = _places(network, by_stage=same), _places(donor, by_stage=same)
    return [
        ([i for i, place in enumerate(ours) if place == at], there)
        for at in dict.fromkeys(ours)
        if (there := [i for i, place in enumerate(theirs) if place == at])
    ]


def _places(architecture: Architecture, *, by_stage: bool) -> list[int]:
    """Return for each block the number of its stage, or how much all strides up to it shrink the image."""
    places, shrink = [], 1
    for number, stage in enumerate(architecture.stages):
        shrink *= stage.stride
        places += [number if by_stage else shrink] * stage.depth
    return places


def _same_wiring(mine: dict[str, Part], its: dict[str, Part]) -> bool:
    """Return whether what the hidden maps of two blocks are made from is the same."""
    return next(iter(mine.values())).expands == next(iter(its.values())).expands


def _pair(
    mine: dict[str, Part],
    its: dict[str, Part],
    role: str,
    donor: tuple[nn.Module, Architecture],
    network: tuple[nn.Module, Architecture],
) -> Sequence[Pair]:
    if role not in mine or role not in its:
        return ()
    ours, theirs = mine[role].path, its[role].path
    here, there = dict(network[0].named_parameters()), dict(donor[0].named_parameters())
    if ours in here:
        return (Pair(ours, theirs, added=False),) if theirs in there else ()
    if not _alike(network[0], ours, donor[0], theirs):
        return ()
    held, others = (set(_own(n.get_submodule(path))) for n, path in ((network[0], ours), (donor[0], theirs)))
    return [Pair(f"{ours}.{name}", f"{theirs}.{name}", added=False) for name in sorted(held & others)]


def _alike(here: nn.Module, ours: str, there: nn.Module, theirs: str) -> bool:
    """Return whether the layers at two paths and what they are part of inside of their blocks are alike."""
    a, b = ours.split("."), theirs.split(".")
    start = 3 if a[0] == "stages" else 1
    kinds = [
        [
            type(network.get_submodule(".".join(path[:end]))).__name__.replace("_SameConv", "Conv2d")
            for end in range(start, len(path) + 1)
        ]
        for network, path in ((here, a), (there, b))
    ]
    return kinds[0] == kinds[1]


def _own(module: nn.Module) -> list[str]:
    """Return the names of the parameters and buffers of a module itself, without those of its parts."""
    return [name for name in module.state_dict() if "." not in name]


def _path(part: Part) -> str:
    return ".".join(part.path.split(".")[:3])
