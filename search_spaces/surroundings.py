"""The search spaces around one network: narrower, shallower and smaller ones, or wider ones that hold it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch

from search_spaces.architecture import Architecture, Option
from search_spaces.building import build
from search_spaces.channel_rounding import widened
from search_spaces.counting import total_stride
from search_spaces.errors import ArchitectureError, SpaceError
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords, kind_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from search_spaces.stage_patterns import stage_of_patterns

_WIDTHS: Final = (1.0, 0.875, 0.75, 0.625, 0.5)
_DEPTHS: Final = (0.5, 0.75, 1.0)
_SIDES: Final = (0.5, 0.57, 0.64, 0.72, 0.79, 0.86, 0.93)  # of 224 pixels, 112 to 208 by 16
_STEP: Final = 16  # pixels between sides
_SMALL: Final = 128  # pixels; a network of at most this side has half the step
_KERNELS: Final = (3, 5, 7)
_EXPANSIONS: Final = (2, 3, 4, 6)
_DIVISORS: Final = (16, 8, 4, 2, 1)


def space_around(architecture: Architecture, name: str) -> SearchSpace:
    """Return the space of a network and of those that inherit from it with little loss.

    Every network of it has the blocks and the skeleton of this one; widths, depths, kernels, expansions and
    the side of the images are at most its own, so that nothing has to be learnt anew but what is left out.

    Args:
        architecture: The network.
        name: Name of the space.

    Raises:
        SpaceError: if its stages cannot be divided so, or no pattern makes the blocks of one.
    """
    return SearchSpace(
        name=name,
        resolution=_sides(architecture),
        width=tuple(sorted(w for w in _distinct(architecture, _WIDTHS) if _can_be(architecture, w))),
        conv_depth=_DEPTHS if _deep(architecture, "conv") else (1.0,),
        attention_depth=_DEPTHS if _deep(architecture, "attention") else (1.0,),
        stages=tuple(map(_smaller, _stages(architecture))),
        network=architecture.network,
        options=architecture.options,
        divisor=_divisor(architecture),
    )


def wider_space(architecture: Architecture, widths: Sequence[float], name: str) -> SearchSpace:
    """Return the space of a network and of wider ones, which hold it as their first channels.

    Args:
        architecture: The network.
        widths: Factors on its channels, above 1 and ascending; of those that round to the same channels the
            first is taken, and those at which it cannot be built are left out.
        name: Name of the space.

    Raises:
        SpaceError: if it cannot be widened so, or no pattern makes the blocks of a stage.
    """
    return SearchSpace(
        name=name,
        resolution=(architecture.resolution,),
        width=tuple(w for w in _distinct(architecture, (1.0, *widths)) if _can_be(architecture, w)),
        stages=_stages(architecture),
        network=architecture.network,
        options=architecture.options,
        divisor=_divisor(architecture),
    )


def _stages(architecture: Architecture) -> tuple[StageSpace, ...]:
    """Return the stages that offer those of a network alone.

    Raises:
        SpaceError: if no patterns make the blocks of one.
    """
    found = []
    for number, stage in enumerate(architecture.stages, start=1):
        space = stage_of_patterns(stage)
        if space is None:
            raise SpaceError(
                f"Cannot make a space around the network {architecture.fingerprint}: the blocks of its stage "
                f"{number} differ. Expected stages of equal blocks, or of blocks that a pattern makes."
            )
        found.append(space)
    return tuple(found)


def _distinct(architecture: Architecture, widths: Sequence[float]) -> tuple[float, ...]:
    """Return the first of all widths that round to the same channels."""
    divisor, channels = _divisor(architecture), _channels(architecture)
    found: dict[tuple[int, ...], float] = {}
    for width in widths:
        found.setdefault(tuple(widened(count, width, divisor) for count in channels), width)
    return tuple(found.values())


def _can_be(architecture: Architecture, width: float) -> bool:
    """Return whether a network can be built at a width: some attention needs channels for whole heads."""
    divisor = _divisor(architecture)
    stages = (replace(s, channels=widened(s.channels, width, divisor)) for s in architecture.stages)
    try:
        with torch.device("meta"):
            build(replace(architecture, stages=tuple(stages)), num_classes=1)
    except ArchitectureError:
        return False
    return True


def _sides(architecture: Architecture) -> tuple[int, ...]:
    """Return sides of images in pixels, at even steps, at which a map is left at the end; its own too."""
    strides = tuple(stage.stride for stage in architecture.stages)
    least = total_stride(architecture.network, architecture.options, strides)
    resolution = architecture.resolution
    step = _STEP // 2 if resolution <= _SMALL else _STEP
    smaller = {round(resolution * share / step) * step for share in _SIDES}
    return tuple(sorted({side for side in smaller if least <= side < resolution} | {resolution}))


def _deep(architecture: Architecture, kind: str) -> bool:
    return any(
        stage.depth > 1 and any(kind_of(run.mixer) == kind for run in stage.runs)
        for stage in architecture.stages
    )


def _smaller(stage: StageSpace) -> StageSpace:
    """Return a stage that offers smaller kernels and expansions beside its own."""
    return replace(stage, options={name: _values(name, value) for name, (value,) in stage.options.items()})


def _values(name: str, value: Option) -> tuple[Option, ...]:
    """Return the values of an option: those below its own that inherit, and its own."""
    steps: Sequence[int] = {"kernel": _KERNELS, "expansion": _EXPANSIONS}.get(name.rpartition(".")[2], ())
    if isinstance(value, bool) or not isinstance(value, int | float) or value == 1:
        return (value,)
    kind = type(value)  # a slot holds whole numbers or others, not both
    return (*(kind(step) for step in steps if step < value), value)


def _divisor(architecture: Architecture) -> int:
    """Return the largest of a few numbers that divides all channels, so that width 1 keeps them."""
    defaults = {k: v for k, v in keywords(NETWORKS[architecture.network]).items() if k.endswith("channels")}
    unwritten = [v for k, v in defaults.items() if k not in dict(architecture.options) and isinstance(v, int)]
    channels = [*_channels(architecture), *unwritten]
    return next(d for d in _DIVISORS if all(c % d == 0 for c in channels))


def _channels(architecture: Architecture) -> list[int]:
    """Return the channels of the stages, and those of the skeleton."""
    stages = [stage.channels for stage in architecture.stages]
    return stages + [v for k, v in architecture.options if k.endswith("channels") and isinstance(v, int)]
