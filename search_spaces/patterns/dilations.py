"""How far apart the taps of a stage's convolutions are: one rate, rates that cycle, rates by channel group.

* ``one``: every block has the rate of the option ``dilation``.
* ``cycle``: one block after another has the rates 1, 2, 3, 1, ..., as hybrid dilated convolution asks, so
  that no positions are skipped (Wang et al., 2018, https://arxiv.org/abs/1702.08502, equation 2).
* ``groups``: the channels of each block are divided among all pairs of the rates 1 to 3 in height and width,
  as in IC-Conv (Liu et al., 2021, https://arxiv.org/abs/2012.13587): ``depthwise`` becomes
  ``inception_conv``.

Blocks that attend, and mixers without the option ``dilation``, stay as they are.
"""

from collections.abc import Sequence
from typing import Final

from search_spaces.architecture import Option
from search_spaces.mixers import MIXERS
from search_spaces.options import keywords
from search_spaces.patterns import Pattern, Slots

_RATES: Final = 3
_GROUPED: Final = {"depthwise": "inception_conv"}


def _apply(value: str, blocks: Sequence[dict[str, Option]], slots: Slots) -> None:
    del slots
    convolving = [block for block in blocks if _dilates(block.get("mixer"))]
    for number, block in enumerate(convolving):
        if value == "cycle":
            block["dilation"] = number % _RATES + 1
        elif value == "groups" and block["mixer"] in _GROUPED:
            block |= {"mixer": _GROUPED[str(block["mixer"])], "dilation": _RATES}


def _dilates(mixer: Option) -> bool:
    return mixer is not None and "dilation" in keywords(MIXERS[str(mixer)])


PATTERN = Pattern(
    values=("one", "cycle", "groups"),
    apply=_apply,
    kinds={},
    takes={"cycle": ("dilation", ()), "groups": ("dilation", tuple(_GROUPED))},
    rank=1,
)
