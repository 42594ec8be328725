"""Builds the torch module that an architecture describes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from search_spaces.architecture import Architecture, Stage
from search_spaces.blocks import BLOCKS
from search_spaces.counting import check_size, count
from search_spaces.errors import ArchitectureError
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS
from search_spaces.options import routed
from search_spaces.weight_bits import four_bit_blocks, mark


def build(architecture: Architecture, *, num_classes: int, in_channels: int = 3) -> nn.Module:
    """Return the network as it is trained, [b, in_channels, r, r] -> [b, num_classes].

    Its weights are drawn from torch's default generator, which the caller seeds.

    Raises:
        ArchitectureError: if a block, a mixer or the skeleton does not take an option it is given, or
            nothing of the image is left after the last stage.
    """
    check_size(architecture)
    factories = [block_factory(stage) for stage in architecture.stages]
    network = assemble(architecture, factories, num_classes=num_classes, in_channels=in_channels)
    mark(network, four_bit_blocks(architecture))
    return network


def check_buildable(architecture: Architecture) -> None:
    """Check that a network which a person may have written can be counted and built.

    Raises:
        ArchitectureError: if it cannot.
    """
    count(architecture, num_classes=1)
    with torch.device("meta"):
        build(architecture, num_classes=1)


def assemble(
    architecture: Architecture,
    factories: Sequence[Callable[..., nn.Module]],
    *,
    num_classes: int,
    in_channels: int,
) -> nn.Module:
    """Return the skeleton of an architecture around the blocks that one factory for each stage makes.

    Raises:
        ArchitectureError: if a block, a mixer or the skeleton does not take an option it is given.
    """
    network = NETWORKS[architecture.network]
    stages = [(f, s.channels, s.depth, s.stride) for f, s in zip(factories, architecture.stages, strict=True)]
    try:
        return network(stages, num_classes=num_classes, in_channels=in_channels, **dict(architecture.options))
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ArchitectureError(f"Cannot build this architecture: {error}.") from error


def block_factory(stage: Stage) -> Any:
    """Return what makes the blocks of a stage with every choice bound but their channels and stride.

    Where they differ, one call after another makes one block after another.
    """
    if stage.overrides:
        return in_turn(*(factory for run in stage.runs for factory in [block_factory(run)] * run.depth))
    block_options, mixer_options = routed(stage)
    if stage.mixer is not None:
        block_options["mixer"] = partial(MIXERS[stage.mixer], **mixer_options)
    return partial(BLOCKS[stage.block], **block_options)


def in_turn(*blocks: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Return what makes one block after another, for a stage whose blocks differ."""
    made = iter(blocks)

    def make(*channels: int, **options: int) -> nn.Module:
        return next(made)(*channels, **options)

    return make
