"""Networks that a search begins with unasked: published ones whose blocks the space has, at its budgets."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from nas.scaling.rules import RULES, Base
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.catalog import SPACES
from search_spaces.counting import count
from search_spaces.network_codes import NetworkCodes
from search_spaces.pricing import Prices
from search_spaces.published import reference, references
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import same_block

_RULE: Final = "compound"
_BASELINE: Final = "random"


def starting_networks(
    space: SearchSpace, prices: Prices, budgets: Sequence[Budget], sampler: str
) -> dict[str, Architecture]:
    """Return the published networks that a space of the catalog can scale into the budgets, by name.

    Whoever trains nothing would take such a network; a search that has trained it delivers nothing worse
    than its trainings can tell. Of networks with equal blocks there is one, a member of the space if there is
    any. Spaces that are not of the catalog begin as their authors say, and the sampler that others are
    compared with begins with nothing.

    Args:
        space: Space of the search.
        prices: Its networks with their costs.
        budgets: The most that a network may take; without one that is counted, nothing is scaled.
        sampler: Name of the sampler.
    """
    known = any(space is one for one in SPACES.values())
    if sampler == _BASELINE or not known or not any(budget.counted for budget in budgets):
        return {}
    found: dict[tuple[int, ...], tuple[str, Architecture]] = {}
    for name in sorted(references(), key=lambda name: not space.contains(reference(name))):
        blocks = blocks_in(prices.codes, reference(name))
        if blocks is not None and blocks not in found:
            scaled = scaled_into(prices, reference(name), blocks, budgets)
            if scaled is not None:
                found[blocks] = (name, scaled)
    return dict(found.values())


def blocks_in(codes: NetworkCodes, network: Architecture) -> tuple[int, ...] | None:
    """Return the menu items of a network's blocks, whatever their size; None if a stage has no such block."""
    if network.network != codes.space.network or len(network.stages) != len(codes.menus):
        return None
    items = []
    for menu, space, stage in zip(codes.menus, codes.space.stages, network.stages, strict=True):
        off = {
            i: abs(math.log(space.width[item.width]))
            for i, item in enumerate(menu)
            if same_block(item.stage, item.stripped(stage))
        }
        items.append(min(off, key=off.__getitem__, default=None))
    found = tuple(i for i in items if i is not None)
    return found if len(found) == len(items) else None


def scaled_into(
    prices: Prices, network: Architecture, blocks: tuple[int, ...], budgets: Sequence[Budget]
) -> Architecture | None:
    """Return the member with a network's blocks that is nearest to its compound scaling; None if none fits.

    Nearest in the sum of logarithms: by what factor its resolution and its depths differ from those of
    the scaling rule `compound` for the budgets, and what share of the tightest budget it uses.

    Args:
        prices: Networks of the space with their costs.
        network: The published network.
        blocks: Menu items of its blocks.
        budgets: At least one of them counted.
    """
    codes, space = prices.codes, prices.codes.space
    sizes = np.array(list(np.ndindex(*(int(n) for n in codes.radices[: codes.offset]))), dtype=np.int64)
    rows = np.concatenate([sizes, np.tile(np.array(blocks, dtype=np.int64), (len(sizes), 1))], axis=1)
    excess = prices.excess(rows, budgets).max(axis=1)
    rows, excess = rows[excess <= 0], excess[excess <= 0]
    if not len(rows):
        return None
    costs = count(network, num_classes=prices.num_classes, in_channels=prices.in_channels, deploy=True)
    ratio = min(1 / (1 + b.excess(costs[b.resource])) for b in budgets if b.counted)
    wanted = RULES[_RULE](Base(name="", architecture=network, macs=float(costs.macs)), ratio)
    off = (
        np.abs(np.log(np.array(space.resolution)[rows[:, 0]] / (network.resolution * wanted.resolution)))
        + np.abs(np.log(np.array(space.conv_depth)[rows[:, 2]] / wanted.conv_depth))
        - np.log1p(excess)
    )
    if len(space.attention_depth) > 1:
        off += np.abs(np.log(np.array(space.attention_depth)[rows[:, 3]] / wanted.attention_depth))
    return codes.at(codes.canonical(rows[[off.argmin()]])[0])
