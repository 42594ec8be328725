"""Multiplies channels by a width factor and rounds them to multiples of a divisor."""

from collections.abc import Sequence
from typing import Final

from search_spaces.architecture import Options, options_of
from search_spaces.errors import SpaceError
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords

_CHANNEL_OPTIONS: Final = ("stem_channels", "head_channels")  # widen with the stages
# Options that skeletons got after networks of spaces were stored, which therefore stand in a network of a
# space only where the space gives them.
_LATER: Final = frozenset({"padding", "norm_eps", "head_hidden_norm"})


def widened(channels: int, width: float, divisor: int) -> int:
    """Return channels x width as a multiple of the divisor, at least 90 % of the product.

    The rule of MobileNetV2's code (Sandler et al., 2018, https://arxiv.org/abs/1801.04381).
    """
    product = channels * width
    rounded = max(divisor, int(product + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * product else rounded + divisor


def widened_options(network: str, options: Options, width: float, divisor: int) -> Options:
    """Return the options of a skeleton at a width factor, those that were not given at their defaults."""
    defaults = {k: v for k, v in keywords(NETWORKS[network]).items() if k not in _LATER}
    found = {**defaults, **dict(options)}
    for name in _CHANNEL_OPTIONS:
        if found.get(name):
            found[name] = widened(found[name], width, divisor)
    return options_of(found)


def check_widths(
    space: str, widths: Sequence[float], stages: Sequence[int], options: Options, divisor: int
) -> None:
    """Raise unless each width factor gives other channels.

    Args:
        space: Name of the space, for the error.
        widths: Width factors of the space.
        stages: The channels of each stage at width 1.
        options: Options of its skeleton, as given.
        divisor: Channels are rounded to multiples of it.

    Raises:
        SpaceError: if two widths give the same channels.
    """
    given = dict(options)
    channels = [*stages, *(int(v) for n in _CHANNEL_OPTIONS if isinstance(v := given.get(n), int) and v)]
    if len({tuple(widened(c, width, divisor) for c in channels) for width in widths}) != len(widths):
        raise SpaceError(
            f"The space '{space}' got the widths {list(widths)}: expected widths that "
            f"give different channels after rounding to multiples of {divisor}.",
            at=("width",),
        )
