"""Checks a search space for options, factors, strides and depths that cannot be used."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from search_spaces.architecture import Option, Options
from search_spaces.channel_rounding import CHANNEL_OPTIONS, widened
from search_spaces.choice import Choice
from search_spaces.counting import total_stride
from search_spaces.errors import SpaceError, did_you_mean
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords
from search_spaces.stage_checks import check_stage_widths
from search_spaces.stage_choices import MenuItem, StageSpace

_MOST_FACTORS: Final = 20_000


def check_options(network: str, options: Options) -> None:
    """Raise unless a skeleton has all these options.

    Raises:
        SpaceError: names the first that it does not have.
    """
    known = keywords(NETWORKS[network])
    for option, _ in options:
        if option not in known:
            raise SpaceError(
                f"The network '{network}' got the option '{option}': expected one of "
                f"{', '.join(sorted(known)) or 'none'}.{did_you_mean(option, known)}",
                at=("options", option),
            )


def check_factors(space: str, factors: Mapping[str, Sequence[Option]]) -> None:
    """Raise unless the values of the global factors can be chosen from.

    Args:
        space: Name of the space, for the error.
        factors: The values of each by its name.

    Raises:
        SpaceError: if there are too many, or those of one factor are none, not in order or not distinct.
    """
    combinations = math.prod(len(values) for values in factors.values())
    if combinations > _MOST_FACTORS:
        raise SpaceError(
            f"The space '{space}' offers {combinations:,} combinations of {', '.join(factors)}: "
            f"expected at most {_MOST_FACTORS:,}. Offer fewer values."
        )
    for name, values in factors.items():
        Choice(name=name, values=tuple(values))


def check_strides(
    space: str, network: str, options: Options, stages: Sequence[StageSpace], lowest: int
) -> None:
    """Raise unless something is left of the smallest image.

    Args:
        space: Name of the space, for the error.
        network: Name of the skeleton.
        options: Options of the skeleton.
        stages: The stages from the stem to the head.
        lowest: The lowest resolution in pixels.

    Raises:
        SpaceError: if the strides multiply to more than its side.
    """
    shrinks = total_stride(network, options, tuple(s.stride for s in stages))
    if shrinks > lowest:
        raise SpaceError(
            f"The space '{space}' shrinks images of {lowest} pixels by {shrinks}, below "
            f"1 x 1: expected strides that multiply to at most its lowest resolution.",
            at=("resolution",),
        )


def check_widths(
    space: str, widths: Sequence[float], stages: Sequence[StageSpace], options: Options, divisor: int
) -> None:
    """Raise unless each factor on channels gives other ones.

    Args:
        space: Name of the space, for the error.
        widths: Width factors of the space.
        stages: The stages, with their channels at width 1.
        options: Options of its skeleton, as given.
        divisor: Channels are rounded to multiples of it.

    Raises:
        SpaceError: if two widths give the same channels, or one of a stage rounds to nothing.
    """
    given = dict(options)
    channels = [stage.channels * factor for stage in stages for factor in stage.width]
    channels += [int(v) for n in CHANNEL_OPTIONS if isinstance(v := given.get(n), int) and v]
    if len({tuple(widened(c, width, divisor) for c in channels) for width in widths}) != len(widths):
        raise SpaceError(
            f"The space '{space}' got the widths {list(widths)}: expected widths that "
            f"give different channels after rounding to multiples of {divisor}.",
            at=("width",),
        )
    for number, stage in enumerate(stages):
        if stage.width != (1.0,):
            check_stage_widths(stage, number, widths, divisor)


def check_depths(
    space: str,
    stages: Sequence[StageSpace],
    menus: Sequence[Sequence[MenuItem]],
    factors: Mapping[str, Sequence[float]],
) -> None:
    """Raise unless each depth comes about in one way: chosen in a stage, or by a factor.

    Args:
        space: Name of the space, for the error.
        stages: The stages from the stem to the head.
        menus: The blocks of each stage.
        factors: The depth factors of each kind of mixer.

    Raises:
        SpaceError: names the first stage that offers several depths under several factors.
    """
    for number, (stage, menu) in enumerate(zip(stages, menus, strict=True), start=1):
        if len(stage.depth) > 1 and any(len(factors[item.kind]) > 1 for item in menu):
            raise SpaceError(
                f"Stage {number} of '{space}' got {len(stage.depth)} depths under a depth "
                f"factor with several values: expected one of the two to have one value.",
                at=("stages", number - 1, "depth"),
            )
