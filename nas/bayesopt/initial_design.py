"""Where to begin, before there is anything to learn from."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.prior_mean import PriorMean

_POOL: Final = 512  # points among which the next one is chosen


def next_start(rng: np.random.Generator, region: Region, taken: Rows, seen: frozenset[bytes]) -> Rows:
    """Return one point, ``[1, d]``, that fits: near the budget, and unlike those `taken`.

    Half of the points that fit lie below every budget by more than the other half, and are left
    out: the best networks are found near the budget, and the start-up trials are few. Without
    known constraints all points take part. Returns no row where every point has been seen.
    """
    pool = _near_the_budget(rng, region, seen, _POOL)
    if not len(taken) or not len(pool):
        return pool[:1]
    return pool[[_distances(region, pool, taken).min(axis=1).argmax()]]


def prior_start(rng: np.random.Generator, region: Region, learnt: PriorMean, seen: frozenset[bytes]) -> Rows:
    """Return the point near the budget, ``[1, d]``, of which an earlier study expects most, or no row.

    Near the budget as in `next_start`: what the earlier study tells of far smaller networks is a guess.
    """
    pool = _near_the_budget(rng, region, seen, 4 * _POOL)
    return pool[[learnt.vouches_for(pool).argmax()]] if len(pool) else pool


def _near_the_budget(rng: np.random.Generator, region: Region, seen: frozenset[bytes], n: int) -> Rows:
    """Return up to `n` unseen points that fit, without the half that lies below every budget by more."""
    pool = unseen(region.draw(rng, n), seen)
    if not len(pool):
        whole = region.whole()
        pool = unseen(whole, seen) if whole is not None else pool
    near = pool[_rank(region.excess(pool)) >= 0.5] if len(pool) else pool
    return near if len(near) else pool


def unseen(rows: Rows, seen: frozenset[bytes]) -> Rows:
    """Return the `rows` that no trial has tried."""
    return rows[[row.tobytes() not in seen for row in rows]] if len(rows) else rows


def _rank(excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how near its tightest budget each point is among the others, in [0, 1]; 1 is nearest."""
    if not excess.shape[1] or len(excess) < 2:
        return np.ones(len(excess))
    finite = np.where(np.isfinite(excess), excess, np.nan)
    ranks = np.stack(
        [
            np.argsort(np.argsort(column)) / (len(column) - 1)
            if np.isfinite(column).all() and np.ptp(column) > 0
            else np.ones(len(column))
            for column in finite.T
        ]
    )
    return np.asarray(ranks.max(axis=0) if len(ranks) == 1 else ranks.mean(axis=0))


def _distances(region: Region, a: Rows, b: Rows) -> NDArray[np.float64]:
    """Return how unlike points are, ``[a, b]``: shares of parameters, and how far numbers differ."""
    total = np.zeros((len(a), len(b)))
    for j, column in enumerate(region.grid.columns):
        if column.ordered:
            x, y = column.places(a[:, j]), column.places(b[:, j])
            total += np.abs(np.subtract.outer(x, y))
        else:
            total += np.not_equal.outer(a[:, j], b[:, j])
    return total
