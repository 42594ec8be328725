"""Feasible region of a search space: draws, lists and checks points that keep all known constraints."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.grid import Column, Grid, Rows
from nas.bayesopt.problem import Params, Problem
from search_spaces.errors import InvalidValueError, NothingFitsError

Batch = Callable[[Sequence[Params]], NDArray[np.float64]]

_ENUMERABLE: Final = 20_000  # maximum number of points of a space that is listed and kept
_ROUNDS: Final = 200  # rounds of drawing and repairing before a region counts as empty
_KEPT: Final = 50_000  # maximum number of rows whose features and canonical rows are cached


class Region:
    """Feasible points of a search space; caches their features, canonical rows and prior means.

    Args:
        grid: Search space.
        constants: Parameters of a single value, passed to the functions below.
        constraints: Function from `n` points to ``[n, k]``; a point is feasible where all are <= 0.
        factors: Function from `n` points to real features ``[n, f]``.
        canonical: Function from a point to the representative of all points that build the same network.
        sampler: Function from a generator and `n` to feasible points, uniform over distinct networks.
        prior_mean: Function from rows to the predictions of an earlier study, ``[n, d]`` to ``[n]``.
    """

    def __init__(
        self,
        grid: Grid,
        constants: Params,
        constraints: Batch | None = None,
        factors: Batch | None = None,
        canonical: Callable[[Params], dict[str, Any]] | None = None,
        sampler: Callable[[np.random.Generator, int], list[dict[str, Any]]] | None = None,
        prior_mean: Callable[[Rows], NDArray[np.float64]] | None = None,
    ) -> None:
        self.grid: Final = grid
        self._constants: Final = dict(constants)
        self._constraints: Final = constraints
        self._factors: Final = factors
        self._canonical: Final = canonical
        self._sampler: Final = sampler
        self._predict_prior: Final = prior_mean
        self._prior_means: dict[bytes, float] = {}
        self._canonical_keys: dict[bytes, bytes] = {}
        self._feature_rows: dict[bytes, bytes] = {}
        self._n_constraints = self._width = 0
        self._whole: Rows | None = None

    def points(self, rows: Rows) -> list[dict[str, Any]]:
        """Return the points of `rows`, including constants."""
        return [{**self._constants, **point} for point in self.grid.decode(rows)]

    def canonical(self, rows: Rows) -> Rows:
        """Return the canonical row of each row, equal for all rows that build the same network."""
        if self._canonical is None or not len(rows):
            return rows
        keys = [row.tobytes() for row in rows]
        new = {key: i for i, key in enumerate(keys) if key not in self._canonical_keys}
        if new:  # called with all trials of a study before every proposal
            if len(self._canonical_keys) > _KEPT:
                self._canonical_keys = {
                    key: self._canonical_keys[key] for key in keys if key in self._canonical_keys
                }
            found = self.grid.encode([self._canonical(p) for p in self.points(rows[list(new.values())])])
            self._canonical_keys.update(zip(new, (row.tobytes() for row in found), strict=True))
        joined = b"".join(self._canonical_keys[key] for key in keys)
        return np.frombuffer(joined, dtype=np.float64).reshape(rows.shape).copy()

    def features(self, rows: Rows) -> NDArray[np.float64]:
        """Return the known constraints, then the factors, of each row, ``[n, k + f]``.

        Raises:
            InvalidValueError: if a function does not return a table of numbers.
        """
        keys = [row.tobytes() for row in rows]
        first: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            if key not in self._feature_rows:
                first.setdefault(key, i)
        if first:
            if len(self._feature_rows) > _KEPT:
                self._feature_rows = {
                    key: self._feature_rows[key] for key in keys if key in self._feature_rows
                }
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
            self._feature_rows.update(zip(first, (row.tobytes() for row in table), strict=True))
        joined = b"".join(self._feature_rows[key] for key in keys)
        return np.frombuffer(joined, dtype=np.float64).reshape(len(keys), self._width).copy()

    def prior_mean(self, rows: Rows) -> NDArray[np.float64] | None:
        """Return the prediction of an earlier study for each row, ``[n]``; None without one."""
        if self._predict_prior is None:
            return None
        keys = [row.tobytes() for row in rows]
        new = {key: i for i, key in enumerate(keys) if key not in self._prior_means}
        if new:
            if len(self._prior_means) > _KEPT:
                self._prior_means = {key: self._prior_means[key] for key in keys if key in self._prior_means}
            found = self._predict_prior(rows[list(new.values())]).tolist()
            self._prior_means.update(zip(new, found, strict=True))
        return np.array([self._prior_means[key] for key in keys])

    def excess(self, rows: Rows) -> NDArray[np.float64]:
        """Return the known constraints of each row, ``[n, k]``; NaN counts as +inf."""
        if self._constraints is None or not len(rows):
            return np.zeros((len(rows), 0))
        values = self.features(rows)[:, : self._n_constraints]
        return np.where(np.isnan(values), np.inf, values)

    def fits(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether each row is feasible, ``[n]``."""
        return np.asarray((self.excess(rows) <= 0).all(axis=1))

    def whole(self) -> Rows | None:
        """Return every distinct feasible point; None if the space is too large to list.

        Raises:
            NothingFitsError: if no point of the space is feasible.
        """
        if self._whole is None and self.grid.size <= _ENUMERABLE:
            rows = distinct(self.canonical(self.grid.everything()))
            self._whole = rows[self.fits(rows)]
            if not len(self._whole):
                raise _nothing_feasible(f"none of its {len(rows):,} points does")
        return self._whole

    def draw(self, rng: np.random.Generator, n: int) -> Rows:
        """Return up to `n` distinct feasible points, ``[<= n, d]``, at least one.

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
            repaired = self.canonical(self.grid.changed(rng, nearest, 0.1))
            fresh = drawn[self.fits(drawn)]
            # Drawing alone seldom hits a small region: then points are changed step by step towards it.
            if len(fresh) < len(drawn) / 50:
                both = np.concatenate([drawn, repaired, nearest])
                over = np.maximum(self.excess(both), 0.0)
                scale = np.median(np.where(np.isfinite(over), over, 0.0), axis=0) + 1e-12
                nearest = both[np.argsort((over / scale).sum(axis=1), kind="stable")[:n]]
                fresh = np.concatenate([fresh, nearest[self.fits(nearest)]])
            found = distinct(np.concatenate([found, fresh]))
            if len(found) >= n:
                break
        if not len(found):
            raise _nothing_feasible(f"none of {_ROUNDS * max(2 * n, 256):,} drawn did")
        return found[rng.permutation(len(found))[:n]]


def distinct(rows: Rows) -> Rows:
    """Return `rows` without duplicates, in order of first appearance."""
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(first)]


def _table(batch: Batch, points: Sequence[Params], name: str) -> NDArray[np.float64]:
    table = np.asarray(batch(points), dtype=np.float64)
    if table.ndim != 2 or len(table) != len(points):
        raise InvalidValueError(
            f"{name} returned an array of shape {table.shape} for {len(points)} points: "
            f"expected [{len(points)}, k], one row per point."
        )
    return table


def _nothing_feasible(reason: str) -> NothingFitsError:
    return NothingFitsError(
        f"No point of the search space keeps the known constraints: {reason}. "
        f"Raise the budget or widen the space."
    )


def region_of(problem: Problem) -> Region:
    """Return the feasible region of a problem."""
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
