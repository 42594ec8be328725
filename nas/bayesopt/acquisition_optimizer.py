"""Finding the point where an acquisition is highest, over a discrete space."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.feasible_region import Region, distinct
from nas.bayesopt.grid import Rows
from nas.bayesopt.initial_design import unseen

Score = Callable[[Rows], NDArray[np.float64]]

_DRAWN: Final = 256  # points drawn anew for each proposal
_MUTANTS: Final = 400  # points made from the best ones known
_CLIMBERS: Final = 3  # points from which the local search starts
_ROUNDS: Final = 6  # steps of the local search at most


def best_point(
    rng: np.random.Generator,
    region: Region,
    score: Score,
    parents: Rows,
    seen: frozenset[bytes],
    limit: int,
) -> Rows:
    """Return the unseen point that fits and scores highest, ``[1, d]``; no row if there is none.

    A space that can be listed is scored whole. Otherwise the pool is drawn points and mutants of
    `parents`, and the best of it climb to their best neighbour (one parameter changed) as long as
    that is better.

    Args:
        rng: Decides what is drawn.
        region: The points that fit.
        score: Points to the acquisition; higher is better.
        parents: The best points known, ``[p, d]``.
        seen: Points that are not to be proposed.
        limit: Points to score in one call at most.
    """
    whole = region.whole()
    if whole is not None:
        pool = unseen(whole, seen)
        if len(pool) <= limit:
            return pool[[score(pool).argmax()]] if len(pool) else pool
    pool = _pool(rng, region, parents, seen)
    if not len(pool):
        return pool
    scores = score(pool)
    best = np.argsort(-scores, kind="stable")[:_CLIMBERS]
    climbers, heights = pool[best], scores[best]
    for _ in range(_ROUNDS):
        around = [region.grid.neighbours(rng, row) for row in climbers]
        near = _allowed(region, np.concatenate(around), seen)
        if not len(near):
            break
        near_scores = score(near)
        both = np.concatenate([climbers, near])
        both_scores = np.concatenate([heights, near_scores])
        order = np.argsort(-both_scores, kind="stable")
        _, first = np.unique(both[order], axis=0, return_index=True)
        top = order[np.sort(first)[:_CLIMBERS]]
        stuck = both_scores[top[0]] <= heights[0] + 1e-9
        climbers, heights = both[top], both_scores[top]
        if stuck:
            break
    return climbers[:1]


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
