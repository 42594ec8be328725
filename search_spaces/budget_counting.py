"""Counts the networks that fit tight budgets by dynamic programming, and draws from them without rejection.

For each choice of the global factors the cost of a network is a constant plus one number for each stage. With
costs floored into bins of the slack that remains above the cheapest network, a dynamic programme counts how
many ways of finishing the later stages are left at each remainder, and at each number of channels that enters
them; walking it forwards draws uniformly. The bins let a little too much through, never too little: the exact
price decides afterwards.

A budget on a maximum, as peak memory is, forbids single stages and is exact from the start. Of sums two are
binned together, the tightest; any further one is left to the exact price.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.budget import Budget
from search_spaces.costs import COSTS
from search_spaces.pricing import Prices

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

_BINS: Final = {1: 1000, 2: 48}  # of the slack along each axis, by the number of axes
_FEWER_BINS: Final = {1: 250, 2: 32}  # where each stage is counted for several entries
_MOST_ENTRIES: Final = 2**24  # of all tables together, 128 MiB


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """How many networks are left, for each choice of the global factors that leaves any.

    What a stage takes depends on the channels that enter it, and so on the width factor of the stage in
    front, its entry; behind the stem there is one.

    Attributes:
        factors: Codes in front of those of the stages, [g, 4 or 5].
        least: What the smallest network takes along each axis, [g, axes].
        widths: For each stage, the width factor of each menu item, which is the entry of the next, [items].
        bins: For each stage, the bins that each menu item takes, [g, entries, items, axes]; -1 does not fit.
        after: For each stage and the end, the ways to finish with at most this many bins,
            [g, entries, bins + 1] for one axis, [g, entries, bins + 1, bins + 1] for two.
    """

    factors: Ints
    least: Ints
    widths: tuple[Ints, ...]
    bins: tuple[Ints, ...]
    after: tuple[Floats, ...]

    @property
    def total(self) -> float:
        """The number of rows of codes that the bins let through."""
        return float(self._of_factors.sum())

    @property
    def bin_count(self) -> int:
        """The number of bins along each axis."""
        return self.after[0].shape[2] - 1

    @property
    def _of_factors(self) -> Floats:
        """The same for each choice of the global factors, [g]."""
        table = self.after[0]
        return table.reshape(len(table), math.prod(table.shape[1:]))[:, -1]  # also where none is left

    def draw(self, rng: np.random.Generator, n: int) -> Ints:
        """Return `n` rows of codes, [n, codes], uniform over all that the bins let through."""
        g = _pick(rng, np.broadcast_to(self._of_factors, (n, len(self.factors))))
        left = np.full((n, self.bins[0].shape[3]), self.bin_count)
        entry = np.zeros(n, np.int64)
        columns = [self.factors[g]]
        for bins, after, widths in zip(self.bins, self.after[1:], self.widths, strict=True):
            remains, counts = _left(after, g, widths, bins[g, entry], left)
            item = _pick(rng, counts)
            left, entry = remains[np.arange(n), item], widths[item]
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
        weights = _between(self.after[0], rows, np.zeros_like(rows), above, to)
        if weights.sum() == 0:
            return np.empty((0, self.factors.shape[1] + len(self.bins)), np.int64)
        g = _pick(rng, np.broadcast_to(weights, (n, len(weights))))
        low, high = above[g], to[g]
        entry = np.zeros(n, np.int64)
        columns = [self.factors[g]]
        for bins, after, widths in zip(self.bins, self.after[1:], self.widths, strict=True):
            taken = np.maximum(bins[g, entry, :, 0], 0)  # [n, items]
            counts = _between(after, g[:, None], widths[None], low[:, None] - taken, high[:, None] - taken)
            item = _pick(rng, np.where(bins[g, entry, :, 0] >= 0, counts, 0.0))
            chosen = taken[np.arange(n), item]
            low, high, entry = low - chosen, high - chosen, widths[item]
            columns.append(item[:, None])
        return np.concatenate(columns, axis=1)

    def every(self) -> Ints:
        """Return all rows of codes that the bins let through, [total, codes]."""
        g = np.arange(len(self.factors))
        left = np.full((len(g), self.bins[0].shape[3]), self.bin_count)
        entry = np.zeros(len(g), np.int64)
        rows = self.factors
        for bins, after, widths in zip(self.bins, self.after[1:], self.widths, strict=True):
            remains, counts = _left(after, g, widths, bins[g, entry], left)
            row, item = np.nonzero(counts)
            g, left, entry = g[row], remains[row, item], widths[item]
            rows = np.concatenate([rows[row], item[:, None]], axis=1)
        return rows


def _left(after: Floats, g: Ints, widths: Ints, bins: Ints, left: Ints) -> tuple[Ints, Floats]:
    """Return what remains behind each item, and the ways to finish from there.

    Args:
        after: Ways to finish from the next stage on, as in `Ways`.
        g: Choices of the global factors, [n].
        widths: Width factor of the items, the entry of the next stage, [items].
        bins: Bins of the items, [n, items, axes]; -1 does not fit.
        left: Bins that are left, [n, axes].

    Returns:
        Bins that remain, [n, items, axes], and ways to finish, 0 where an item does not fit, [n, items].
    """
    remains = left[:, None] - bins
    fits = bins[:, :, 0] >= 0
    places = g[:, None] * after.shape[1] + widths  # in the flat table: several times as fast as by axes
    for axis in range(bins.shape[2]):
        fits &= remains[:, :, axis] >= 0
        places = places * after.shape[2] + remains[:, :, axis]
    places[~fits] = 0
    return remains, np.where(fits, after.ravel()[places], 0.0)


@lru_cache(maxsize=8)
def ways(prices: Prices, budgets: tuple[Budget, ...]) -> Ways:
    """Return the ways to fit all known budgets, worked out once for each combination of budgets."""
    codes = prices.codes
    factors = np.array(list(itertools.product(*map(range, codes.radices[: codes.offset]))), dtype=np.int64)
    widths = tuple(forms.width for forms in codes.forms)
    entries = [1, *(len(stage.width) for stage in codes.space.stages)]
    shapes = [(len(factors), before, len(menu)) for before, menu in zip(entries, codes.menus, strict=False)]
    allowed = [np.ones(shape, dtype=bool) for shape in shapes]
    axes: list[_Axis] = []
    for budget in _tightest(prices, budgets):
        limit = int(budget.limit * 4 // budget.bytes_per_element)  # in the unit of the cost, rounded down
        ends, stages = prices.by_stage(factors, budget.resource)
        if COSTS[budget.resource].joins == "max":
            allowed = [a & (s <= limit) for a, s in zip(allowed, stages, strict=True)]
            allowed[-1] &= (ends <= limit)[:, None, widths[-1]]
        elif len(axes) < len(_BINS):
            axes.append(_Axis(stages, ends, limit))
    if not axes:
        free = [np.zeros(shape, np.int64) for shape in shapes]
        axes.append(_Axis(free, np.zeros((len(factors), entries[-1]), np.int64), 0))
    return _counted(factors, widths, allowed, axes)


class _Axis(NamedTuple):
    """A budget on a sum.

    Attributes:
        stages: What each stage takes, [g, entries, items].
        ends: What stem and head take, [g, entries].
        limit: The most that all may take together.
    """

    stages: list[Ints]
    ends: Ints
    limit: int


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


def _counted(
    factors: Ints, widths: tuple[Ints, ...], allowed: list[NDArray[np.bool_]], axes: list[_Axis]
) -> Ways:
    """Return the ways, from what each stage may be, [g, entries, items], and takes along each axis."""
    cheapest = [_cheapest(axis, widths, allowed) for axis in axes]  # axes x stages and end x [g, entries]
    least = np.stack([low[0][:, 0] for low in cheapest], axis=1)
    slack = np.array([axis.limit for axis in axes]) - least  # [g, axes]
    kept = (slack >= 0).all(axis=1)
    entries = max(may.shape[1] for may in allowed)
    most = (_BINS if entries == 1 else _FEWER_BINS)[len(axes)]
    count = _bin_count(int(kept.sum()) * entries, len(allowed), len(axes), most)
    bins = []
    for stage, may in enumerate(allowed):
        columns = []
        for number, (axis, low) in enumerate(zip(axes, cheapest, strict=True)):
            onward = axis.stages[stage][kept] + low[stage + 1][kept][:, None, widths[stage]]
            extra, spare = onward - low[stage][kept][:, :, None], slack[kept, number][:, None, None]
            fits = may[kept] & (extra <= spare)
            columns.append(np.where(fits, extra * count // np.maximum(spare, 1), -1))
        taken = np.stack(columns, axis=3)
        bins.append(np.where((taken >= 0).all(axis=3, keepdims=True), taken, -1))
    last = (int(kept.sum()), 1 + int(widths[-1].max()))
    after = [np.ones((*last, *[count + 1] * len(axes)))]
    for taken, wide in zip(reversed(bins), reversed(widths), strict=True):
        after.insert(0, _before(taken, wide, after[0]))
    return Ways(factors[kept], least[kept], widths, tuple(bins), tuple(after))


def _cheapest(axis: _Axis, widths: tuple[Ints, ...], allowed: list[NDArray[np.bool_]]) -> list[Ints]:
    """Return the least that each stage and all behind it take, for each stage and the end, [g, entries].

    Stem and head count as what comes behind the last stage.
    """
    never = 2**56  # above every cost, and a sum over 64 stages of it is still an int64
    found = [axis.ends]
    for stages, may, wide in zip(reversed(axis.stages), reversed(allowed), reversed(widths), strict=True):
        least = np.where(may, stages + found[0][:, None, wide], never).min(axis=2)
        found.insert(0, np.minimum(least, never))
    return found


def _bin_count(choices: int, stages: int, axes: int, most: int) -> int:
    """Return the bins of each axis that keep all tables within their memory."""
    entries = _MOST_ENTRIES // max(1, choices * (stages + 1))
    return max(8, min(most, int(entries ** (1 / axes)) - 1))


def _before(taken: Ints, widths: Ints, after: Floats) -> Floats:
    """Return the ways to finish from one stage earlier: a sum over its items, shifted by their bins.

    Args:
        taken: Bins of the items, [g, entries, items, axes]; -1 does not fit.
        widths: Width factor of the items, the entry of the next stage, [items].
        after: Ways to finish from the next stage on.
    """
    before = np.zeros((*taken.shape[:2], *after.shape[2:]))
    for g, entry in np.ndindex(taken.shape[:2]):
        fits = taken[g, entry, :, 0] >= 0
        codes = np.ravel_multi_index((widths[fits], *taken[g, entry, fits].T), after.shape[1:])
        alike, repeats = np.unique(codes, return_counts=True)
        shifts = np.stack(np.unravel_index(alike, after.shape[1:]), axis=1)
        into, source = before[g, entry], after[g]
        for (wide, *shift), times in zip(shifts.tolist(), repeats.tolist(), strict=True):
            target = tuple(slice(s, None) for s in shift)
            part = tuple(slice(None, length - s) for s, length in zip(shift, after.shape[2:], strict=True))
            into[target] += times * source[wide][part]
    return before


def _between(after: Floats, g: Ints, entry: Ints, above: Ints, to: Ints) -> Floats:
    """Return the ways that take more than `above` bins and at most `to`, for choices `g` of the factors."""
    counts = np.where(to >= 0, after[g, entry, np.maximum(to, 0)], 0.0)
    return np.maximum(counts - np.where(above >= 0, after[g, entry, np.maximum(above, 0)], 0.0), 0.0)


def _pick(rng: np.random.Generator, weights: Floats) -> Ints:
    """Return one column for each row, drawn in proportion to the weights, [n, k] -> [n]."""
    heights = np.cumsum(weights, axis=1)
    points = rng.random(len(heights)) * heights[:, -1]
    return np.minimum((heights <= points[:, None]).sum(axis=1), heights.shape[1] - 1)
