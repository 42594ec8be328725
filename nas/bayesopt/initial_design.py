"""Start-up design: the first points of a study, near the budget and unlike each other."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.sources import Sources

_POOL: Final = 512  # points drawn to choose one from
_MIDDLE: Final = (0.3, 0.7)  # shares of the points of which less is expected


def next_start(
    rng: np.random.Generator, region: Region, taken: Rows, seen: frozenset[bytes], *, near: bool = True
) -> Rows:
    """Return a feasible point, ``[1, d]``, near the budget and far from those `taken`.

    The half of the feasible points farthest below the budgets is left out, because the best networks
    are found near the budget and start-up trials are few. Without known constraints no point is left
    out; nor without `near`, where large networks fail. Returns no row if every point has been seen.
    """
    pool = _near_the_budget(rng, region, seen, _POOL, share=0.5 if near else 0.0)
    if not len(taken) or not len(pool):
        return pool[:1]
    return pool[[distances(region, pool, taken).min(axis=1).argmax()]]


def expected_start(
    rng: np.random.Generator, region: Region, sources: Sources, taken: Rows, seen: frozenset[bytes]
) -> Rows:
    """Return a point near the budget, ``[1, d]``: of which most is expected, then one of the middle.

    That second one, far from those `taken`, tells a source that is worth following from one that is not, or
    is the wrong way round. Near the budget as in `next_start`: expectations are least reliable for far
    smaller networks. Returns no row if every point has been seen.

    Args:
        rng: Generator of the drawn points.
        region: Feasible region.
        sources: Sources of evidence.
        taken: Points of earlier trials, ``[t, d]``.
        seen: Points that must not be proposed.
    """
    pool = _near_the_budget(rng, region, seen, 4 * _POOL)
    if not len(pool):
        return pool
    order = np.argsort(sources.expected(pool), kind="stable")
    if not len(taken):
        return pool[order[-1:]]
    low, high = (round(share * (len(pool) - 1)) for share in _MIDDLE)
    middle = pool[order[low : high + 1]]
    return middle[[distances(region, middle, taken).min(axis=1).argmax()]]


def _near_the_budget(
    rng: np.random.Generator, region: Region, seen: frozenset[bytes], n: int, share: float = 0.5
) -> Rows:
    """Return up to `n` unseen feasible points, without the `share` farthest below the budgets."""
    pool = unseen(region.draw(rng, n), seen)
    if not len(pool):
        whole = region.whole()
        pool = unseen(whole, seen) if whole is not None else pool
    near = pool[_rank(region.excess(pool)) >= share] if len(pool) else pool
    return near if len(near) else pool


def unseen(rows: Rows, seen: frozenset[bytes]) -> Rows:
    """Return the `rows` that are not in `seen`."""
    return rows[[row.tobytes() not in seen for row in rows]] if len(rows) else rows


def _rank(excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each point by closeness to its tightest budget, in [0, 1]; 1 is closest."""
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


def distances(region: Region, a: Rows, b: Rows) -> NDArray[np.float64]:
    """Return distances of points, ``[a, b]``: different categories plus differences of numbers."""
    total = np.zeros((len(a), len(b)))
    for j, column in enumerate(region.grid.columns):
        if column.ordered:
            x, y = column.positions(a[:, j]), column.positions(b[:, j])
            total += np.abs(np.subtract.outer(x, y))
        else:
            total += np.not_equal.outer(a[:, j], b[:, j])
    return total
