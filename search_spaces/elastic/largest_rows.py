"""Lists rows of codes of networks that together may hold the largest form of every shared tensor."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from search_spaces.elastic.sharing import own_channels
from search_spaces.network_codes import NetworkCodes


def rows_of_largest(
    codes: NetworkCodes, items: Sequence[Sequence[int]], *, owned_first: bool
) -> Iterator[tuple[NDArray[np.int64], bool]]:
    """Yield rows of codes, the widest first, and whether the network is needed whatever it holds.

    Args:
        codes: The networks of the space.
        items: Of the menu of each stage, those of the largest choices.
        owned_first: Whether first blocks have weights of their own for each pair of channels.
    """
    space = codes.space
    depths = [(len(space.conv_depth) - 1, len(space.attention_depth) - 1)]
    if any(stage.patterns for stage in space.stages):  # which block stands where depends on the depth
        conv, attention = (reversed(range(end + 1)) for end in depths[0])
        depths = list(itertools.product(conv, attention))
    for skeleton, width in itertools.product(range(len(codes.skeletons)), reversed(range(len(space.width)))):
        for number in range(max(map(len, items))):
            picked = [choices[number % len(choices)] for choices in items]
            for variant in _variants(codes, picked, owned_first=owned_first):
                for depth in depths:
                    row = [0, width, *depth, *([skeleton] if space.skeleton else []), *variant]
                    needed = depth == depths[0] and variant == picked
                    yield np.array(row, dtype=np.int64), needed


def _variants(codes: NetworkCodes, picked: list[int], *, owned_first: bool) -> Iterator[list[int]]:
    """Yield menu items, then those with other widths where these have weights of their own."""
    yield picked
    most = max(len(stage.width) for stage in codes.space.stages)
    own = any(any(own_channels(block)) for forms in codes.forms for block in forms.blocks)
    if most == 1 or not (own or owned_first):
        return
    for widths in itertools.product(range(most), repeat=2):  # of stages with even and with odd numbers
        yield [_with_width(codes, number, item, widths[number % 2]) for number, item in enumerate(picked)]


def _with_width(codes: NetworkCodes, stage: int, item: int, width: int) -> int:
    """Return the menu item with another width factor; the last one where there are fewer."""
    menu = codes.menus[stage]
    wanted = min(width, len(codes.space.stages[stage].width) - 1)
    like = menu[item]
    return next(
        number
        for number, other in enumerate(menu)
        if other.width == wanted and other.stage == like.stage and other.by_depth == like.by_depth
    )
