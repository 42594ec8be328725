"""The search space around one network: the network itself, and narrower, shallower and smaller ones."""

from collections.abc import Sequence
from typing import Final

from search_spaces.architecture import Architecture, Option, Stage
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
        SpaceError: if its stages cannot be divided so.
    """
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
    channels = [stage.channels for stage in architecture.stages]
    channels += [v for k, v in architecture.options if k.endswith("channels") and isinstance(v, int)]
    return next(d for d in _DIVISORS if all(c % d == 0 for c in channels))
