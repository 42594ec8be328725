"""Counts the networks that fit tight budgets by dynamic programming, and draws from them without rejection.

For each choice of the global factors the cost of a network is a constant plus one number for each stage. With
costs floored into bins of the slack that remains above the cheapest network, a dynamic programme counts how
many ways of finishing the later stages are left at each remainder; walking it forwards draws uniformly. The
bins let a little too much through, never too little: the exact price decides afterwards.

A budget on a maximum, as peak memory is, forbids single stages and is exact from the start. Of sums two are
binned together, the tightest; any further one is left to the exact price.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.budget import Budget
from search_spaces.costs import COSTS
from search_spaces.pricing import Prices

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

_BINS: Final = {1: 1000, 2: 48}  # of the slack along each axis, by the number of axes
_MOST_ENTRIES: Final = 2**24  # of all tables together, 128 MiB


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """How many networks are left, for each choice of the global factors that leaves any.

    Attributes:
        factors: Codes of the global factors, [g, 4].
        bins: For each stage, the bins that each menu item takes, [g, items, axes]; -1 does not fit.
        after: For each stage and the end, the ways to finish with at most this many bins,
            [g, bins + 1] for one axis, [g, bins + 1, bins + 1] for two.
    """

    factors: Ints
    bins: tuple[Ints, ...]
    after: tuple[Floats, ...]

    @property
    def total(self) -> float:
        """The number of rows of codes that the bins let through."""
        return float(self._of_factors.sum())

    @property
    def _of_factors(self) -> Floats:
        """The same for each choice of the global factors, [g]."""
        table = self.after[0]
        return table.reshape(len(table), math.prod(table.shape[1:]))[:, -1]  # also where none is left

    def draw(self, rng: np.random.Generator, n: int) -> Ints:
        """Return `n` rows of codes, [n, 4 + stages], uniform over all that the bins let through."""
        g = _pick(rng, np.broadcast_to(self._of_factors, (n, len(self.factors))))
        left = np.full((n, self.bins[0].shape[2]), self.after[0].shape[1] - 1)
        columns = [self.factors[g]]
        for bins, after in zip(self.bins, self.after[1:], strict=True):
            remains = left[:, None] - bins[g]  # [n, items, axes]
            fits = (bins[g, :, 0] >= 0) & (remains >= 0).all(axis=2)
            index = tuple(np.where(fits, axis, 0) for axis in np.moveaxis(remains, 2, 0))
            item = _pick(rng, np.where(fits, after[(g[:, None], *index)], 0.0))
            left = remains[np.arange(n), item]
            columns.append(item[:, None])
        return np.concatenate(columns, axis=1)

    def draw_between(self, rng: np.random.Generator, n: int, above: Ints, to: Ints) -> Ints:
        """Return `n` rows of codes, uniform over those that take more than some bins and at most others.

        Args:
            rng: Random generator.
            n: Number of rows; none are returned where nothing lies between.
            above: Bins that are exceeded for each choice of the global factors, [g]; may be negative.
            to: Bins that are not exceeded, [g]. For counts along one axis.
        """
        rows = np.arange(len(self.factors))
        weights = _between(self.after[0], rows, above, to)
        if weights.sum() == 0:
            return np.empty((0, self.factors.shape[1] + len(self.bins)), np.int64)
        g = _pick(rng, np.broadcast_to(weights, (n, len(weights))))
        low, high = above[g], to[g]
        columns = [self.factors[g]]
        for bins, after in zip(self.bins, self.after[1:], strict=True):
            taken = np.maximum(bins[g, :, 0], 0)  # [n, items]
            counts = _between(after, g[:, None], low[:, None] - taken, high[:, None] - taken)
            item = _pick(rng, np.where(bins[g, :, 0] >= 0, counts, 0.0))
            chosen = taken[np.arange(n), item]
            low, high = low - chosen, high - chosen
            columns.append(item[:, None])
        return np.concatenate(columns, axis=1)

    def every(self) -> Ints:
        """Return all rows of codes that the bins let through, [total, 4 + stages]."""
        g = np.arange(len(self.factors))
        left = np.full((len(g), self.bins[0].shape[2]), self.after[0].shape[1] - 1)
        rows = self.factors
        for bins, after in zip(self.bins, self.after[1:], strict=True):
            remains = left[:, None] - bins[g]
            fits = (bins[g, :, 0] >= 0) & (remains >= 0).all(axis=2)
            index = tuple(np.where(fits, axis, 0) for axis in np.moveaxis(remains, 2, 0))
            row, item = np.nonzero(fits & (after[(g[:, None], *index)] > 0))
            g, left = g[row], remains[row, item]
            rows = np.concatenate([rows[row], item[:, None]], axis=1)
        return rows


@lru_cache(maxsize=8)
def ways(prices: Prices, budgets: tuple[Budget, ...]) -> Ways:
    """Return the ways to fit all known budgets, worked out once for each combination of budgets."""
    factors = np.array(list(itertools.product(*map(range, prices.codes.radices[:4]))), dtype=np.int64)
    allowed = [np.ones((len(factors), len(menu)), dtype=bool) for menu in prices.codes.menus]
    axes: list[tuple[list[Ints], Ints]] = []
    for budget in _tightest(prices, budgets):
        limit = int(budget.limit * 4 // budget.bytes_per_element)  # in the unit of the cost, rounded down
        ends, stages = prices.by_stage(factors, budget.resource)
        if COSTS[budget.resource].joins == "max":
            allowed = [a & (s <= limit) for a, s in zip(allowed, stages, strict=True)]
            allowed[0] &= (ends <= limit)[:, None]
        elif len(axes) < len(_BINS):
            axes.append((stages, limit - ends))
    if not axes:
        axes.append(([np.zeros_like(a, dtype=np.int64) for a in allowed], np.zeros(len(factors), np.int64)))
    return _counted(factors, allowed, axes)


def _tightest(prices: Prices, budgets: Sequence[Budget]) -> list[Budget]:
    """Return the known budgets, the one that leaves the smallest part of its range first.

    Of several on params and weights, which are the same in other units, the tightest stands for all.
    """

    def left(budget: Budget) -> float:
        least, most = prices.extremes(budget.resource)
        return (budget.limit * 4 / budget.bytes_per_element - least) / max(1, most - least)

    kinds: dict[str, Budget] = {}
    for budget in sorted((b for b in budgets if b.counted), key=left):
        kinds.setdefault("params" if budget.resource == "weights" else budget.resource, budget)
    return list(kinds.values())


def _counted(factors: Ints, allowed: list[NDArray[np.bool_]], axes: list[tuple[list[Ints], Ints]]) -> Ways:
    """Return the ways, from what each stage takes along each axis, [g, items], and may take, [g]."""
    never = 2**56  # above every cost, and a sum over 64 stages of it is still an int64
    cheapest = [
        [np.where(a, s, never).min(axis=1) for a, s in zip(allowed, stages, strict=True)]
        for stages, _ in axes
    ]  # axes x stages x [g]
    slack = [most - sum(low) for low, (_, most) in zip(cheapest, axes, strict=True)]
    kept = np.logical_and.reduce([s >= 0 for s in slack])
    count = _bin_count(int(kept.sum()), len(allowed), len(axes))
    bins = []
    for stage, may in enumerate(allowed):
        columns = []
        for (stages, _), low, most in zip(axes, cheapest, slack, strict=True):
            extra, spare = stages[stage][kept] - low[stage][kept][:, None], most[kept][:, None]
            fits = may[kept] & (extra <= spare)
            columns.append(np.where(fits, extra * count // np.maximum(spare, 1), -1))
        taken = np.stack(columns, axis=2)
        bins.append(np.where((taken >= 0).all(axis=2, keepdims=True), taken, -1))
    after = [np.ones((int(kept.sum()), *[count + 1] * len(axes)))]
    for taken in reversed(bins):
        after.insert(0, _before(taken, after[0]))
    return Ways(factors=factors[kept], bins=tuple(bins), after=tuple(after))


def _bin_count(choices: int, stages: int, axes: int) -> int:
    """Return the bins of each axis that keep all tables within their memory."""
    entries = _MOST_ENTRIES // max(1, choices * (stages + 1))
    return max(8, min(_BINS[axes], int(entries ** (1 / axes)) - 1))


def _before(taken: Ints, after: Floats) -> Floats:
    """Return the ways to finish from one stage earlier: a sum over its items, shifted by their bins."""
    before = np.zeros_like(after)
    for g, rows in enumerate(taken):
        alike, repeats = np.unique(rows[rows[:, 0] >= 0], axis=0, return_counts=True)
        for shift, times in zip(alike.tolist(), repeats.tolist(), strict=True):
            into = tuple(slice(s, None) for s in shift)
            source = tuple(slice(None, length - s) for s, length in zip(shift, after.shape[1:], strict=True))
            before[g][into] += times * after[g][source]
    return before


def _between(after: Floats, g: Ints, above: Ints, to: Ints) -> Floats:
    """Return the ways that take more than `above` bins and at most `to`, for choices `g` of the factors."""
    counts = np.where(to >= 0, after[g, np.maximum(to, 0)], 0.0)
    return np.maximum(counts - np.where(above >= 0, after[g, np.maximum(above, 0)], 0.0), 0.0)


def _pick(rng: np.random.Generator, weights: Floats) -> Ints:
    """Return one column for each row, drawn in proportion to the weights, [n, k] -> [n]."""
    heights = np.cumsum(weights, axis=1)
    points = rng.random(len(heights)) * heights[:, -1]
    return np.minimum((heights <= points[:, None]).sum(axis=1), heights.shape[1] - 1)
