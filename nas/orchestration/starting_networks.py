"""Networks that a search begins with unasked: published ones whose blocks the space has, at its budgets."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from nas.scaling.rules import RULES, Base
from nas.scaling.small_stem import with_small_stem
from search_spaces.architecture import Architecture, Stage
from search_spaces.budget import Budget
from search_spaces.catalog_editions import is_of_catalog
from search_spaces.counting import count
from search_spaces.network_codes import NetworkCodes
from search_spaces.pricing import Prices
from search_spaces.published import reference, references
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import realised_depth, same_block
from trials.pretrained.donor import Donor

_RULE: Final = "compound"
_BASELINE: Final = "random"


def starting_networks(
    space: SearchSpace,
    prices: Prices,
    budgets: Sequence[Budget],
    sampler: str,
    side: int,
    donor: Donor | None = None,
) -> dict[str, Architecture]:
    """Return published networks, or the donor's, that a space can scale into the budgets, by name.

    Whoever trains nothing would take such a network; a search that has trained it delivers nothing worse
    than its trainings can tell. Of networks with equal blocks there is one, a member of the space if there is
    any. Spaces that are not of the catalog begin as their authors say, and the sampler that others are
    compared with begins with nothing. A network whose strides the space has not is looked for with a stem for
    small images. A space around a donor begins with the donor's own network on the largest images that fit:
    it inherits every weight, unless it must be narrower to fit.

    Args:
        space: Space of the search.
        prices: Its networks with their costs.
        budgets: The most that a network may take; without one that is counted, nothing is scaled.
        sampler: Name of the sampler.
        side: Longer side of the images in pixels.
        donor: Network that the space was made around; None for none.
    """
    if sampler == _BASELINE or not any(budget.counted for budget in budgets):
        return {}
    if donor is not None:
        network = on_smaller_images(space, prices, donor.architecture, budgets)
        network = network or scaled_into(prices, donor.architecture, budgets, as_images=False)
        return {} if network is None else {donor.published or donor.source: network}
    if not is_of_catalog(space):
        return {}
    found: dict[tuple[Stage, ...], tuple[str, Architecture]] = {}
    for name in sorted(references(), key=lambda name: not space.contains(reference(name))):
        for network, as_images in _forms(reference(name), side):
            kinds = _kinds(prices.codes, network)
            if kinds is not None and kinds not in found:
                scaled = scaled_into(prices, network, budgets, as_images=as_images)
                if scaled is not None:
                    found[kinds] = (name, scaled)
    return dict(found.values())


def on_smaller_images(
    space: SearchSpace, prices: Prices, network: Architecture, budgets: Sequence[Budget]
) -> Architecture | None:
    """Return a network on the largest images of a space with which it fits the budgets; None if on none."""
    at_sides = [replace(network, resolution=side) for side in sorted(space.resolution, reverse=True)]
    members = [one for one in at_sides if space.contains(one)]
    fits = prices.excess(np.array([prices.codes.code_of(one) for one in members]), budgets).max(axis=1) <= 0
    return next((one for one, fit in zip(members, fits, strict=True) if fit), None)


def _forms(published: Architecture, side: int) -> list[tuple[Architecture, bool]]:
    """Return a network as published and, if it takes one, with a stem for images of `side` pixels."""
    small = with_small_stem(published, side)
    return [(published, False)] if small is None else [(published, False), (small, True)]


def _kinds(codes: NetworkCodes, network: Architecture) -> tuple[Stage, ...] | None:
    """Return what each stage of a network repeats; None if the space has no such stage."""
    blocks = blocks_in(codes, network)
    if blocks is None:
        return None
    return tuple(replace(menu[i].stage, depth=1) for menu, i in zip(codes.menus, blocks, strict=True))


def blocks_in(codes: NetworkCodes, network: Architecture, depth: float = 1.0) -> tuple[int, ...] | None:
    """Return the menu items of a network's blocks, whatever their size; None if a stage has no such block.

    Args:
        codes: Encoding of a space.
        network: The network.
        depth: Factor on its depths, for stages that choose theirs: they take the nearest.
    """
    if network.network != codes.space.network or len(network.stages) != len(codes.menus):
        return None
    items = []
    for menu, space, stage in zip(codes.menus, codes.space.stages, network.stages, strict=True):
        off = {
            i: abs(math.log(space.width[item.width]))
            + abs(math.log(item.stage.depth / realised_depth(stage.depth, depth)))
            for i, item in enumerate(menu)
            if same_block(item.stage, item.stripped(stage))
        }
        items.append(min(off, key=off.__getitem__, default=None))
    found = tuple(i for i in items if i is not None)
    return found if len(found) == len(items) else None


def scaled_into(
    prices: Prices, network: Architecture, budgets: Sequence[Budget], *, as_images: bool
) -> Architecture | None:
    """Return the member with a network's blocks that is nearest to its compound scaling; None if none fits.

    Nearest in the sum of logarithms: by what factor its resolution and its depths differ from those of
    the scaling rule `compound` for the budgets, and what share of the tightest budget it uses.

    Args:
        prices: Networks of the space with their costs.
        network: The published network.
        budgets: At least one of them counted.
        as_images: Whether it takes images at their own resolution, which is not scaled then.
    """
    codes, space = prices.codes, prices.codes.space
    costs = count(network, num_classes=prices.num_classes, in_channels=prices.in_channels, deploy=True)
    ratio = min(1 / (1 + b.excess(costs[b.resource])) for b in budgets if b.counted)
    wanted = RULES[_RULE](Base(name="", architecture=network, macs=float(costs.macs)), ratio)
    resolution = network.resolution * (1.0 if as_images else wanted.resolution)
    blocks = blocks_in(codes, network, wanted.conv_depth)
    if blocks is None:
        return None
    sizes = np.array(list(np.ndindex(*(int(n) for n in codes.radices[: codes.offset]))), dtype=np.int64)
    rows = np.concatenate([sizes, np.tile(np.array(blocks, dtype=np.int64), (len(sizes), 1))], axis=1)
    excess = prices.excess(rows, budgets).max(axis=1)
    rows, excess = rows[excess <= 0], excess[excess <= 0]
    if not len(rows):
        return None
    off = np.abs(np.log(np.array(space.resolution)[rows[:, 0]] / resolution)) - np.log1p(excess)
    if len(space.conv_depth) > 1:
        off += np.abs(np.log(np.array(space.conv_depth)[rows[:, 2]] / wanted.conv_depth))
    if len(space.attention_depth) > 1:
        off += np.abs(np.log(np.array(space.attention_depth)[rows[:, 3]] / wanted.attention_depth))
    return codes.at(codes.canonical(rows[[off.argmin()]])[0])
