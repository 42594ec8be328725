"""The part of a search space that fits: points whose known constraints all hold."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.grid import Column, Grid, Rows
from nas.bayesopt.problem import Params, Problem
from search_spaces.errors import InvalidValueError, NothingFitsError

Batch = Callable[[Sequence[Params]], NDArray[np.float64]]

_ENUMERABLE: Final = 20_000  # points; a whole space of this size is priced once and kept
_ROUNDS: Final = 200  # of drawing and mending before a region counts as empty
_KEPT: Final = 50_000  # rows whose prices, and canonical rows, are remembered


class Region:
    """Points that fit, drawn, listed and looked up.

    Args:
        grid: The search space.
        constants: Parameters that have one value only, for the functions below to read.
        constraints: `n` points to ``[n, k]``; a point fits where all are <= 0.
        factors: `n` points to real features ``[n, f]``.
        canonical: A point to the one that stands for all that build the same network.
        sampler: A generator and `n` to points that fit, uniform over distinct networks.
        expects: Rows to what an earlier study expects there, ``[n, d]`` to ``[n]``.
    """

    def __init__(
        self,
        grid: Grid,
        constants: Params,
        constraints: Batch | None = None,
        factors: Batch | None = None,
        canonical: Callable[[Params], dict[str, Any]] | None = None,
        sampler: Callable[[np.random.Generator, int], list[dict[str, Any]]] | None = None,
        expects: Callable[[Rows], NDArray[np.float64]] | None = None,
    ) -> None:
        self.grid: Final = grid
        self._constants: Final = dict(constants)
        self._constraints: Final = constraints
        self._factors: Final = factors
        self._canonical: Final = canonical
        self._sampler: Final = sampler
        self._expects: Final = expects
        self._told: dict[bytes, float] = {}
        self._stands_for: dict[bytes, bytes] = {}
        self._prices: dict[bytes, bytes] = {}
        self._n_constraints = self._width = 0
        self._whole: Rows | None = None

    def points(self, rows: Rows) -> list[dict[str, Any]]:
        """Return the points of `rows`, constants included."""
        return [{**self._constants, **point} for point in self.grid.decode(rows)]

    def canonical(self, rows: Rows) -> Rows:
        """Return, for each row, the row that stands for its network."""
        if self._canonical is None or not len(rows):
            return rows
        keys = [row.tobytes() for row in rows]
        new = {key: i for i, key in enumerate(keys) if key not in self._stands_for}
        if new:  # a study's trials come here before every proposal
            if len(self._stands_for) > _KEPT:
                self._stands_for = {key: self._stands_for[key] for key in keys if key in self._stands_for}
            found = self.grid.encode([self._canonical(p) for p in self.points(rows[list(new.values())])])
            self._stands_for.update(zip(new, (row.tobytes() for row in found), strict=True))
        joined = b"".join(self._stands_for[key] for key in keys)
        return np.frombuffer(joined, dtype=np.float64).reshape(rows.shape).copy()

    def prices(self, rows: Rows) -> NDArray[np.float64]:
        """Return what is known of each row, ``[n, k + f]``: constraints first, then factors.

        Raises:
            InvalidValueError: if a function returns anything but a table of numbers.
        """
        keys = [row.tobytes() for row in rows]
        first: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            if key not in self._prices:
                first.setdefault(key, i)
        if first:
            if len(self._prices) > _KEPT:
                self._prices = {key: self._prices[key] for key in keys if key in self._prices}
            points = self.points(rows[list(first.values())])
            tables = [
                _table(batch, points, name)
                for batch, name in (
                    (self._constraints, "known_constraints"),
                    (self._factors, "factors_batch"),
                )
                if batch is not None
            ]
            self._n_constraints = tables[0].shape[1] if self._constraints is not None else 0
            tables.append(np.zeros((len(points), 0)))
            table = np.concatenate(tables, axis=1)
            self._width = table.shape[1]
            self._prices.update(zip(first, (row.tobytes() for row in table), strict=True))
        joined = b"".join(self._prices[key] for key in keys)
        return np.frombuffer(joined, dtype=np.float64).reshape(len(keys), self._width).copy()

    def told(self, rows: Rows) -> NDArray[np.float64] | None:
        """Return what an earlier study expects of each row, ``[n]``; None where there is none."""
        if self._expects is None:
            return None
        keys = [row.tobytes() for row in rows]
        new = {key: i for i, key in enumerate(keys) if key not in self._told}
        if new:
            if len(self._told) > _KEPT:
                self._told = {key: self._told[key] for key in keys if key in self._told}
            found = self._expects(rows[list(new.values())]).tolist()
            self._told.update(zip(new, found, strict=True))
        return np.array([self._told[key] for key in keys])

    def excess(self, rows: Rows) -> NDArray[np.float64]:
        """Return the known constraints of each row, ``[n, k]``; not a number counts as +inf."""
        if self._constraints is None or not len(rows):
            return np.zeros((len(rows), 0))
        prices = self.prices(rows)[:, : self._n_constraints]
        return np.where(np.isnan(prices), np.inf, prices)

    def fits(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether each row keeps every known constraint, ``[n]``."""
        return np.asarray((self.excess(rows) <= 0).all(axis=1))

    def whole(self) -> Rows | None:
        """Return every distinct point that fits; None where the space is too large to list.

        Raises:
            NothingFitsError: if no point of the space fits.
        """
        if self._whole is None and self.grid.size <= _ENUMERABLE:
            rows = distinct(self.canonical(self.grid.everything()))
            self._whole = rows[self.fits(rows)]
            if not len(self._whole):
                raise _nothing(f"none of its {len(rows):,} points does")
        return self._whole

    def draw(self, rng: np.random.Generator, n: int) -> Rows:
        """Return up to `n` distinct points that fit, ``[<= n, d]``, at least one.

        Raises:
            NothingFitsError: if none was found.
        """
        whole = self.whole()
        if whole is not None:
            return whole[rng.choice(len(whole), min(n, len(whole)), replace=False)]
        if self._sampler is not None:
            return self.grid.encode(self._sampler(rng, n))
        found = np.zeros((0, len(self.grid.columns)))
        nearest = self.grid.draw(rng, n)
        for _ in range(_ROUNDS):
            drawn = self.canonical(self.grid.draw(rng, max(2 * n, 256)))
            mended = self.canonical(self.grid.changed(rng, nearest, 0.1))
            fresh = drawn[self.fits(drawn)]
            # Drawing alone finds a rare region too seldom: then points are mended towards it.
            if len(fresh) < len(drawn) / 50:
                both = np.concatenate([drawn, mended, nearest])
                over = np.maximum(self.excess(both), 0.0)
                scale = np.median(np.where(np.isfinite(over), over, 0.0), axis=0) + 1e-12
                nearest = both[np.argsort((over / scale).sum(axis=1), kind="stable")[:n]]
                fresh = np.concatenate([fresh, nearest[self.fits(nearest)]])
            found = distinct(np.concatenate([found, fresh]))
            if len(found) >= n:
                break
        if not len(found):
            raise _nothing(f"none of {_ROUNDS * max(2 * n, 256):,} drawn did")
        return found[rng.permutation(len(found))[:n]]


def distinct(rows: Rows) -> Rows:
    """Return `rows` without repetitions, in order of first appearance."""
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(first)]


def _table(batch: Batch, points: Sequence[Params], name: str) -> NDArray[np.float64]:
    table = np.asarray(batch(points), dtype=np.float64)
    if table.ndim != 2 or len(table) != len(points):
        raise InvalidValueError(
            f"{name} returned an array of shape {table.shape} for {len(points)} points: "
            f"expected [{len(points)}, k], one row a point."
        )
    return table


def _nothing(how: str) -> NothingFitsError:
    return NothingFitsError(
        f"No point of the search space keeps the known constraints: {how}. "
        f"Raise the budget or widen the space."
    )


def region_of(problem: Problem) -> Region:
    """Return the points of a problem that fit, as the sampler of factors reads them."""
    free = {name: d for name, d in problem.distributions.items() if not d.single()}
    constants = {
        name: Column.of(name, d).value(0.0) for name, d in problem.distributions.items() if d.single()
    }
    return Region(
        Grid(free),
        constants,
        problem.known_constraints_batch,
        problem.factors_batch,
        problem.canonical,
        problem.draw,
    )
