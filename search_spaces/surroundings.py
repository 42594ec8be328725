"""The search spaces around one network: narrower, shallower and smaller ones, or wider ones that hold it."""

from collections.abc import Sequence
from typing import Final

from search_spaces.architecture import Architecture, Option, Stage
from search_spaces.channel_rounding import widened
from search_spaces.errors import SpaceError
from search_spaces.options import kind_of
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

_WIDTHS: Final = (0.5, 0.625, 0.75, 0.875, 1.0)
_DEPTHS: Final = (0.5, 0.75, 1.0)
_SIDES: Final = (0.5, 0.57, 0.72, 0.86, 1.0)  # 112, 128, 160, 192 and 224 of 224 pixels
_STEP: Final = 16
_KERNELS: Final = (3, 5, 7)
_EXPANSIONS: Final = (2, 3, 4, 6)
_DIVISORS: Final = (8, 4, 2, 1)


def space_around(architecture: Architecture, name: str) -> SearchSpace:
    """Return the space of a network and of those that inherit from it with little loss.

    Every network of it has the blocks and the skeleton of this one; widths, depths, kernels, expansions and
    the side of the images are at most its own, so that nothing has to be learnt anew but what is left out.

    Args:
        architecture: The network.
        name: Name of the space.

    Raises:
        SpaceError: if its stages cannot be divided so, or the blocks of one differ.
    """
    _check_alike(architecture)
    kinds = {kind_of(stage.mixer) for stage in architecture.stages}
    return SearchSpace(
        name=name,
        resolution=_sides(architecture.resolution),
        width=_WIDTHS,
        conv_depth=_DEPTHS if _deep(architecture, "conv") else (1.0,),
        attention_depth=_DEPTHS if "attention" in kinds and _deep(architecture, "attention") else (1.0,),
        stages=tuple(map(_stage, architecture.stages)),
        network=architecture.network,
        options=architecture.options,
        divisor=_divisor(architecture),
    )


def wider_space(architecture: Architecture, widths: Sequence[float], name: str) -> SearchSpace:
    """Return the space of a network and of wider ones, which hold it as their first channels.

    Args:
        architecture: The network.
        widths: Factors on its channels, above 1 and ascending; of those that round to the same channels the
            first is taken.
        name: Name of the space.

    Raises:
        SpaceError: if it cannot be widened so, or the blocks of a stage differ.
    """
    _check_alike(architecture)
    divisor, channels = _divisor(architecture), _channels(architecture)
    distinct: dict[tuple[int, ...], float] = {}
    for width in (1.0, *widths):
        distinct.setdefault(tuple(widened(count, width, divisor) for count in channels), width)
    return SearchSpace(
        name=name,
        resolution=(architecture.resolution,),
        width=tuple(distinct.values()),
        stages=tuple(
            StageSpace(
                channels=stage.channels,
                depth=(stage.depth,),
                stride=stage.stride,
                block=stage.block,
                options={option: (value,) for option, value in stage.options},
            )
            for stage in architecture.stages
        ),
        network=architecture.network,
        options=architecture.options,
        divisor=divisor,
    )


def _check_alike(architecture: Architecture) -> None:
    """Raise unless each stage repeats one block."""
    for number, stage in enumerate(architecture.stages, start=1):
        if stage.overrides:
            raise SpaceError(
                f"Cannot make a space around the network {architecture.fingerprint}: the blocks of its stage "
                f"{number} differ. Expected stages that repeat one block each."
            )


def _sides(resolution: int) -> tuple[int, ...]:
    """Return the sides of images in pixels, multiples of 16 but for the network's own."""
    smaller = {round(resolution * share / _STEP) * _STEP for share in _SIDES[:-1]}
    return tuple(sorted({side for side in smaller if 0 < side < resolution} | {resolution}))


def _deep(architecture: Architecture, kind: str) -> bool:
    return any(stage.depth > 1 and kind_of(stage.mixer) == kind for stage in architecture.stages)


def _stage(stage: Stage) -> StageSpace:
    options = {name: _values(name, value) for name, value in stage.options}
    return StageSpace(
        channels=stage.channels, depth=(stage.depth,), stride=stage.stride, block=stage.block, options=options
    )


def _values(name: str, value: Option) -> tuple[Option, ...]:
    """Return the values of an option: those below its own that inherit, and its own."""
    steps: Sequence[int] = {"kernel": _KERNELS, "expansion": _EXPANSIONS}.get(name, ())
    if isinstance(value, bool) or not isinstance(value, int | float) or value == 1:
        return (value,)
    kind = type(value)  # a slot holds whole numbers or others, not both
    return (*(kind(step) for step in steps if step < value), value)


def _divisor(architecture: Architecture) -> int:
    """Return the largest of a few numbers that divides all channels, so that width 1 keeps them."""
    return next(d for d in _DIVISORS if all(c % d == 0 for c in _channels(architecture)))


def _channels(architecture: Architecture) -> list[int]:
    """Return the channels of the stages, and those of the skeleton."""
    stages = [stage.channels for stage in architecture.stages]
    return stages + [v for k, v in architecture.options if k.endswith("channels") and isinstance(v, int)]
