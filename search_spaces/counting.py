"""Counts the exact costs (MACs, parameters, memory) of an architecture without building it."""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple, TypeAlias

from search_spaces.architecture import Architecture, Options, Stage
from search_spaces.blocks import BLOCKS
from search_spaces.costs import COSTS, Cost, Costs, cost_names
from search_spaces.errors import ArchitectureError
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords, routed
from search_spaces.tape import Int, Map, Tape
from search_spaces.weight_bits import WHOLE_BITS, bits_of


@lru_cache(maxsize=4096)
def count(
    architecture: Architecture, *, num_classes: int, in_channels: int = 3, deploy: bool = False
) -> Costs:
    """Return the exact costs of an architecture.

    Args:
        architecture: The network, which is not built.
        num_classes: Class scores of its head.
        in_channels: Channels of an image.
        deploy: Whether the form after re-parameterisation is counted instead of the trained one.

    Raises:
        ArchitectureError: if a block or mixer does not take an option or a value it is given, or nothing of
            the image is left after the last stage.
    """
    with _errors_of_options():
        check_size(architecture)
        return _folded(_runs(architecture, num_classes, in_channels, deploy=deploy))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stem, a stage or a head with what it takes.

    Attributes:
        stage: The stage; None for stem and head.
        channels: Channels of its output map; the class scores of a head.
        side: Height of its output map, positions.
        costs: Its costs at batch 1.
    """

    stage: Stage | None
    channels: int
    side: int
    costs: Costs


def count_parts(
    architecture: Architecture, *, num_classes: int, in_channels: int = 3, deploy: bool = False
) -> tuple[Part, ...]:
    """Return the stem, the stages and the head of an architecture with what each takes.

    MACs, parameters and activations add up to those of `count`; the largest peak is its peak.

    Args:
        architecture: The network, which is not built.
        num_classes: Class scores of its head.
        in_channels: Channels of an image.
        deploy: Whether the form after re-parameterisation is counted instead of the trained one.

    Raises:
        ArchitectureError: as `count` does.
    """
    with _errors_of_options():
        check_size(architecture)
        runs = list(_runs(architecture, num_classes, in_channels, deploy=deploy))
    stages = (None, *architecture.stages, None)
    parts = []
    for index, stage in enumerate(stages):
        own = [run for run in runs if run.part == index]
        channels, side, _ = own[-1].leaves
        parts.append(Part(stage=stage, channels=channels, side=side, costs=_folded(own)))
    return tuple(parts)


@contextmanager
def _errors_of_options() -> Iterator[None]:
    """Raise what counting with a value that nothing can be built with runs into as `ArchitectureError`."""
    try:
        yield
    except ArchitectureError:
        raise
    except (TypeError, ValueError, ArithmeticError, MemoryError) as error:
        raise ArchitectureError(f"Cannot count this architecture: {error}.") from error


_Numbers: TypeAlias = tuple[int, ...]
_Shape: TypeAlias = tuple[int, int, int]
"""Channels, height and width."""


class _Run(NamedTuple):
    """Equal layers that run one after another: which part they are of, what one takes, how often it runs."""

    part: int
    costs: _Numbers
    repeats: int
    leaves: _Shape


def _runs(architecture: Architecture, num_classes: int, in_channels: int, *, deploy: bool) -> Iterator[_Run]:
    """Yield what runs one after another; the stem is part 0, the head the last one."""
    side = architecture.resolution
    network = (architecture.network, architecture.options)
    stem, x = _stem(network, (in_channels, side, side), deploy)
    yield _Run(0, stem, 1, x)
    for part, stage in enumerate(architecture.stages, 1):
        for run in stage.runs:
            block = (run.block, run.options)
            first, x = _block(block, x, run.channels, run.stride, deploy)
            yield _Run(part, first, 1, x)
            if run.depth > 1:
                rest, x = _block(block, x, run.channels, 1, deploy)
                yield _Run(part, rest, run.depth - 1, x)
    yield _Run(len(architecture.stages) + 1, _head(network, x, num_classes, deploy), 1, (num_classes, 1, 1))


def _folded(runs: Iterable[_Run]) -> Costs:
    """Return what they take together."""
    totals = [0] * len(_folds())
    for run in runs:
        for i, fold in enumerate(_folds()):
            added = run.costs[i]
            totals[i] = totals[i] + added * run.repeats if fold.joins == "sum" else max(totals[i], added)
    return Costs(**dict(zip(cost_names(), totals, strict=True)))


# Networks of a space share most of their blocks: each is listed once for each shape that enters it.


@lru_cache(maxsize=2**16)
def _block(
    block: tuple[str, Options], x: _Shape, channels: int, stride: int, deploy: bool
) -> tuple[_Numbers, _Shape]:
    tape, y = block_tape(_listing(block, deploy), Map(*x), channels, stride, bits_of(block[1]))
    return _costs(tape), _shape(y)


@lru_cache(maxsize=2**12)
def _listing(block: tuple[str, Options], deploy: bool) -> Callable[..., Map]:
    return stage_layers(Stage(block=block[0], channels=1, depth=1, options=block[1]), deploy=deploy)


@lru_cache(maxsize=2**12)
def _stem(network: tuple[str, Options], x: _Shape, deploy: bool) -> tuple[_Numbers, _Shape]:
    tape, y = _stem_tape(*network, Map(*x), deploy=deploy)
    return _costs(tape), _shape(y)


@lru_cache(maxsize=2**12)
def _head(network: tuple[str, Options], x: _Shape, num_classes: int, deploy: bool) -> _Numbers:
    return _costs(_head_tape(*network, Map(*x), num_classes, deploy=deploy))


def _costs(tape: Tape) -> _Numbers:
    return tuple([int(cost.of(tape)) for cost in _folds()])


@cache
def _folds() -> tuple[Cost, ...]:
    return tuple(COSTS[name] for name in cost_names())


def _shape(x: Map) -> _Shape:
    return int(x.channels), int(x.height), int(x.width)


def total_stride(network: str, options: Options, strides: tuple[int, ...]) -> int:
    """Return how many pixels of the image one position of the last map stands for, along one side."""
    large = 2**20  # pixels, so many that the last map's rounded side hardly changes the quotient
    _, (_, height, _) = _stem((network, options), (3, large, large), True)
    return round(large / height) * math.prod(strides)


def smallest_side(architecture: Architecture) -> int:
    """Return the least side of images of which something is left after the last stage, in pixels."""
    strides = tuple(stage.stride for stage in architecture.stages)
    return total_stride(architecture.network, architecture.options, strides)


def check_size(architecture: Architecture) -> None:
    """Raise unless something of the image is left after the last stage.

    Raises:
        ArchitectureError: if the strides together are longer than the side of the image.
    """
    shrinks = smallest_side(architecture)
    if shrinks > architecture.resolution:
        raise ArchitectureError(
            f"An architecture shrinks images of {architecture.resolution} pixels by {shrinks}, below 1 x 1: "
            f"expected strides that multiply to at most its resolution."
        )


def stem_tape(architecture: Architecture, image: Map, *, deploy: bool) -> tuple[Tape, Map]:
    """Return the layers in front of the stages, and the map they make."""
    return _stem_tape(architecture.network, architecture.options, image, deploy=deploy)


def head_tape(architecture: Architecture, x: Map, num_classes: int, *, deploy: bool) -> Tape:
    """Return the layers behind the stages."""
    return _head_tape(architecture.network, architecture.options, x, num_classes, deploy=deploy)


def block_tape(
    layers: Callable[..., Map], x: Map, channels: Int, stride: int, weight_bits: int = WHOLE_BITS
) -> tuple[Tape, Map]:
    """Return the layers of one block, and the map it makes."""
    tape = Tape(weight_bits)
    return tape, layers(tape, _entering(x), channels, stride=stride)


def stage_layers(stage: Stage, *, deploy: bool, arrays: Sequence[tuple[str, Int]] = ()) -> Callable[..., Map]:
    """Return the listing of a stage's block with every choice bound but its channels and stride.

    Args:
        stage: The stage that repeats the block.
        deploy: Whether the re-parameterised form is listed.
        arrays: Options that are replaced by one value for each of many architectures.
    """
    of_block, of_mixer = routed(stage)
    for options in (of_block, of_mixer):
        options.update({name: value for name, value in arrays if name in options})
    block = BLOCKS[stage.block]
    if stage.mixer is not None:
        mixer = MIXERS[stage.mixer]
        of_block["mixer"] = partial(mixer.layers, deploy=deploy, **of_mixer)
    return partial(block.layers, deploy=deploy, **of_block)


def _entering(x: Map) -> Map:
    """Return the map as the next part sees it: memory of its own, alive from the start."""
    return Map(x.channels, x.height, x.width)


def _stem_tape(network: str, options: Options, image: Map, *, deploy: bool) -> tuple[Tape, Map]:
    listing = NETWORKS[network].stem_layers
    tape = Tape()
    return tape, listing(tape, image, **_taken(listing, network, options, deploy=deploy))


def _head_tape(network: str, options: Options, x: Map, num_classes: int, *, deploy: bool) -> Tape:
    listing = NETWORKS[network].head_layers
    tape = Tape()
    taken = _taken(listing, network, options, deploy=deploy)
    listing(tape, _entering(x), **{**taken, "num_classes": num_classes})
    return tape


def _taken(listing: Callable[..., Any], network: str, options: Options, *, deploy: bool) -> dict[str, Any]:
    """Return those options of the skeleton that one of its listings takes, defaults included."""
    complete = {**keywords(NETWORKS[network]), **dict(options), "deploy": deploy}
    return {name: value for name, value in complete.items() if name in _parameters(listing)}


@cache
def _parameters(listing: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(listing).parameters)
