"""Numbers the networks of a space: depth tables, menu items, canonical codes, count of distinct ones."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.stage_choices import MenuItem, StageSpace, canonical_slots, realised_depth, stage_slots

Ints: TypeAlias = NDArray[np.int64]
Menu: TypeAlias = tuple[MenuItem, ...]


def depth_table(menu: Menu, conv_depth: Sequence[float], attention_depth: Sequence[float]) -> Ints:
    """Return the blocks of each menu item, [conv factors, attention factors, items]."""
    table = np.empty((len(conv_depth), len(attention_depth), len(menu)), np.int64)
    for i, item in enumerate(menu):
        for c, conv in enumerate(conv_depth):
            for a, attention in enumerate(attention_depth):
                factor = conv if item.kind == "conv" else attention
                table[c, a, i] = realised_depth(item.stage.depth, factor)
    return table


def slot_table(stage: StageSpace, menu: Menu) -> Ints:
    """Return the menu item of every combination of a stage's slot indices, one axis a slot."""
    slots = stage_slots(stage)
    position = {item.slots: i for i, item in enumerate(menu)}
    table = np.empty([len(values) for values in slots.values()], dtype=np.int64)
    for index in np.ndindex(*table.shape):
        values = [v[i] for v, i in zip(slots.values(), index, strict=True)]
        table[index] = position[canonical_slots(stage, values)]
    return table


def canonical_codes(codes: Ints, depths: Sequence[Ints]) -> Ints:
    """Return the codes with each depth factor at the lowest value that gives the same depths.

    Args:
        codes: Rows of codes, [n, 4 + stages]; the depth factors stand third and fourth.
        depths: The depth table of each stage.
    """
    codes = codes.copy()
    for column in (2, 3):
        wanted = _depths_at(codes, column, codes[:, column], depths)
        best = codes[:, column].copy()
        for value in range(depths[0].shape[column - 2] - 1, -1, -1):
            here = _depths_at(codes, column, np.full(len(codes), value), depths)
            same = np.logical_and.reduce([a == b for a, b in zip(here, wanted, strict=True)])
            best = np.where(same & (value < best), value, best)
        codes[:, column] = best
    return codes


def count_networks(
    menus: Sequence[Menu], conv_depth: Sequence[float], attention_depth: Sequence[float]
) -> int:
    """Return the number of distinct networks at one resolution and width.

    Two depth factors differ only where some stage realises them differently, which depends on the depths
    that stand under each factor: networks are counted by those.
    """
    counts = {(frozenset[int](), frozenset[int]()): 1}
    for menu in menus:
        grown: dict[tuple[frozenset[int], frozenset[int]], int] = {}
        for (conv, attention), networks in counts.items():
            for kind in ("conv", "attention"):
                items = [item for item in menu if item.kind == kind]
                if not items:
                    continue
                base = {items[0].stage.depth}  # several depths stand only under a single factor
                under = (conv | base, attention) if kind == "conv" else (conv, attention | base)
                grown[under] = grown.get(under, 0) + networks * len(items)
        counts = grown
    return sum(
        networks * _distinct(conv, conv_depth) * _distinct(attention, attention_depth)
        for (conv, attention), networks in counts.items()
    )


def _distinct(depths: frozenset[int], factors: Sequence[float]) -> int:
    """Return how many of the factors can be distinguished."""
    return len({tuple(realised_depth(depth, factor) for depth in depths) for factor in factors})


def _depths_at(codes: Ints, column: int, index: Ints, depths: Sequence[Ints]) -> list[Ints]:
    """Return the blocks of each stage if one depth factor were at `index`, stages x [n]."""
    conv, attention = (index if column == c else codes[:, c] for c in (2, 3))
    return [table[conv, attention, codes[:, 4 + s]] for s, table in enumerate(depths)]
