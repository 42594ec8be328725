"""Multiplies channels by a width factor and rounds them to multiples of a divisor."""

from typing import Final

from search_spaces.architecture import Options, options_of
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords

CHANNEL_OPTIONS: Final = ("stem_channels", "head_channels")  # widen with the stages
# Options that skeletons got after networks of spaces were stored, which therefore stand in a network of a
# space only where the space gives them.
_LATER: Final = frozenset({"padding", "norm_eps", "head_hidden_norm", "stem_form"})


def widened(channels: float, width: float, divisor: int) -> int:
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
    for name in CHANNEL_OPTIONS:
        if found.get(name):
            found[name] = widened(found[name], width, divisor)
    return options_of(found)
