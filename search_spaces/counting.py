"""Exact costs of an architecture, counted without building it."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from search_spaces.architecture import Architecture, Stage
from search_spaces.blocks import BLOCKS
from search_spaces.building import keywords, routed
from search_spaces.costs import COSTS
from search_spaces.layers import Int, Map, Tape
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one network takes at batch 1.

    Attributes:
        macs: Multiply-accumulates of conv, linear and attention products.
        params: Trainable parameters.
        activations: Elements written by conv and linear layers.
        peak: Most bytes of activations alive at once, fp32.
        weights: Bytes of the parameters, fp32.
    """

    macs: int
    params: int
    activations: int
    peak: int
    weights: int


@lru_cache(maxsize=4096)
def count(
    architecture: Architecture, *, num_classes: int, in_channels: int = 3, deploy: bool = False
) -> Costs:
    """Return the exact costs of an architecture.

    Args:
        architecture: What is priced; it is not built.
        num_classes: Class scores of its head.
        in_channels: Channels of an image.
        deploy: Whether it is priced after re-parameterisation instead of as it is trained.

    Raises:
        ArchitectureError: if a block or mixer does not take an option it is given.
    """
    parts = list(_parts(architecture, num_classes, in_channels, deploy=deploy))
    totals: dict[str, int] = {}
    for name, cost in COSTS.items():
        values = [(int(cost.of(tape)), repeats) for tape, repeats in parts]
        if cost.joins == "sum":
            totals[name] = sum(value * repeats for value, repeats in values)
        else:
            totals[name] = max(value for value, _ in values)
    return Costs(**{name: totals[name] for name in Costs.__slots__})


def _parts(
    architecture: Architecture, num_classes: int, in_channels: int, *, deploy: bool
) -> Iterator[tuple[Tape, int]]:
    """Yield the layers of the parts of a network that run one after another, and how often each."""
    side = architecture.resolution
    stem, x = stem_tape(architecture, Map(in_channels, side, side))
    yield stem, 1
    for stage in architecture.stages:
        layers = stage_layers(stage, deploy=deploy)
        first, x = block_tape(layers, x, stage.channels, stage.stride)
        yield first, 1
        if stage.depth > 1:
            rest, x = block_tape(layers, x, stage.channels, 1)
            yield rest, stage.depth - 1
    yield head_tape(architecture, x, num_classes), 1


def stem_tape(architecture: Architecture, image: Map) -> tuple[Tape, Map]:
    """Return the layers in front of the stages, and the map they make."""
    network: Any = NETWORKS[architecture.network]
    tape = Tape()
    return tape, network.stem_layers(tape, image, **_keywords(network.stem_layers, architecture))


def head_tape(architecture: Architecture, x: Map, num_classes: int) -> Tape:
    """Return the layers behind the stages."""
    network: Any = NETWORKS[architecture.network]
    tape = Tape()
    options = _keywords(network.head_layers, architecture)
    network.head_layers(tape, _entering(x), **{**options, "num_classes": num_classes})
    return tape


def block_tape(layers: Callable[..., Map], x: Map, channels: Int, stride: int) -> tuple[Tape, Map]:
    """Return the layers of one block, and the map it makes."""
    tape = Tape()
    return tape, layers(tape, _entering(x), channels, stride=stride)


def stage_layers(stage: Stage, *, deploy: bool, arrays: Sequence[tuple[str, Int]] = ()) -> Callable[..., Map]:
    """Return the listing of a stage's block with every choice bound but its channels and stride.

    Args:
        stage: Whose block it is.
        deploy: Whether the re-parameterised form is listed.
        arrays: Options that are replaced by one value for each of many architectures.
    """
    of_block, of_mixer = routed(stage)
    for options in (of_block, of_mixer):
        options.update({name: value for name, value in arrays if name in options})
    block: Any = BLOCKS[stage.block]
    if stage.mixer is not None:
        mixer: Any = MIXERS[stage.mixer]
        of_block["mixer"] = partial(mixer.layers, deploy=deploy, **of_mixer)
    return partial(block.layers, deploy=deploy, **of_block)


def _entering(x: Map) -> Map:
    """Return the map as the next part sees it: memory of its own, alive from the start."""
    return Map(x.channels, x.height, x.width)


def _keywords(listing: Callable[..., Any], architecture: Architecture) -> dict[str, Any]:
    """Return those options of the skeleton that one of its listings takes, defaults included."""
    options = {**keywords(NETWORKS[architecture.network]), **dict(architecture.options)}
    names = inspect.signature(listing).parameters
    return {name: value for name, value in options.items() if name in names}
