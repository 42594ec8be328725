"""Maximises an acquisition over a discrete space: by enumeration, or mutation and local search."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.feasible_region import Region, distinct
from nas.bayesopt.grid import Rows
from nas.bayesopt.initial_design import unseen

Score = Callable[[Rows], NDArray[np.float64]]

_DRAWN: Final = 256  # points drawn for each proposal
_MUTANTS: Final = 400  # points made from the best ones known
_CLIMBERS: Final = 3  # starting points of the local search
_ROUNDS: Final = 6  # maximum number of steps of the local search


def best_points(
    rng: np.random.Generator,
    region: Region,
    score: Score,
    parents: Rows,
    seen: frozenset[bytes],
    limit: int,
    count: int = 1,
) -> Rows:
    """Return the feasible unseen points with the highest scores, best first, ``[<= count, d]``.

    All points of an enumerable space are scored. Otherwise the pool is drawn points and mutants of
    `parents`, and the best of it move to their best neighbour (one parameter changed) as long as
    that is better.

    Args:
        rng: Generator of the drawn points and mutations.
        region: Feasible points.
        score: Function from points to the acquisition; higher is better.
        parents: Best known points, ``[p, d]``.
        seen: Points that must not be proposed.
        limit: Maximum number of points to score in one call.
        count: Number of points to return, if there are as many.
    """
    whole = region.whole()
    if whole is not None:
        pool = unseen(whole, seen)
        if len(pool) <= limit:
            return pool[np.argsort(-score(pool), kind="stable")[:count]] if len(pool) else pool
    pool = _pool(rng, region, parents, seen)
    if not len(pool):
        return pool
    scores = score(pool)
    order = np.argsort(-scores, kind="stable")
    best = order[:_CLIMBERS]
    climbers, heights = pool[best], scores[best]
    for _ in range(_ROUNDS):
        around = [region.grid.neighbours(rng, row) for row in climbers]
        near = _allowed(region, np.concatenate(around), seen)
        if not len(near):
            break
        near_scores = score(near)
        both = np.concatenate([climbers, near])
        both_scores = np.concatenate([heights, near_scores])
        higher = np.argsort(-both_scores, kind="stable")
        _, first = np.unique(both[higher], axis=0, return_index=True)
        top = higher[np.sort(first)[:_CLIMBERS]]
        stuck = both_scores[top[0]] <= heights[0] + 1e-9
        climbers, heights = both[top], both_scores[top]
        if stuck:
            break
    return distinct(np.concatenate([climbers, pool[order[:count]]]))[:count]


def _pool(rng: np.random.Generator, region: Region, parents: Rows, seen: frozenset[bytes]) -> Rows:
    pool = unseen(region.draw(rng, _DRAWN), seen)
    if len(parents):
        rates = rng.choice([0.0, 0.05, 0.15], _MUTANTS)
        chosen = parents[rng.integers(0, len(parents), _MUTANTS)]
        mates = parents[rng.integers(0, len(parents), _MUTANTS)]
        crossed = np.where(
            (rng.random(chosen.shape) < 0.5) & (rng.random(_MUTANTS) < 0.3)[:, None], mates, chosen
        )
        mutants = [region.grid.changed(rng, crossed[rates == rate], float(rate)) for rate in np.unique(rates)]
        pool = np.concatenate([pool, _allowed(region, np.concatenate(mutants), seen)])
    return distinct(pool)


def _allowed(region: Region, rows: Rows, seen: frozenset[bytes]) -> Rows:
    rows = unseen(distinct(region.canonical(rows)), seen)
    return rows[region.fits(rows)] if len(rows) else rows
