"""Feasible region of a search space: draws, lists and checks points that keep all known constraints."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.column import Column
from nas.bayesopt.errors import NothingFeasibleError, ProblemError
from nas.bayesopt.grid import Grid, Rows
from nas.bayesopt.problem import Params, Problem
from nas.bayesopt.row_cache import RowCache, trimmed


@dataclass(frozen=True, eq=False)
class Expectations:
    """What sources of evidence expect of rows, standardised.

    Attributes:
        predicted: Function from rows to numbers that is quick for any number of rows: a costly source is
            predicted from the points that it was asked for.
        exact: The same function with costly sources asked for each row.
        count: Number of sources.
    """

    predicted: Callable[[Rows], NDArray[np.float64]]
    exact: Callable[[Rows], NDArray[np.float64]]
    count: int


Batch = Callable[[Sequence[Params]], NDArray[np.float64]]
Draw = Callable[[np.random.Generator, int], list[dict[str, Any]]]

_ENUMERABLE: Final = 20_000  # maximum number of points of a space that is listed and kept
_ROUNDS: Final = 200  # rounds of drawing and repairing before a region counts as empty
_IDLE_ROUNDS: Final = 10  # rounds in a row without a new point after which no others are looked for


class Region:
    """Feasible points of a search space; caches their features, canonical rows and evidence.

    Args:
        grid: Search space.
        constants: Parameters of a single value, passed to the functions below.
        constraints: Function from `n` points to ``[n, k]``; a point is feasible where all are <= 0.
        factors: Function from `n` points to real features ``[n, f]``.
        canonical: Function from a point to the representative of all points that build the same network.
        sampler: Function from a generator and `n` to feasible points, uniform over distinct networks.
        expectations: What sources of evidence expect; None without any.
        cache: That of the same region without its sources; None for an empty one.

    Attributes:
        asked_rows: Points of which costly sources are asked, as bytes; those of others are predicted.
    """

    def __init__(
        self,
        grid: Grid,
        constants: Params,
        constraints: Batch | None = None,
        factors: Batch | None = None,
        canonical: Callable[[Params], dict[str, Any]] | None = None,
        sampler: Draw | None = None,
        expectations: Expectations | None = None,
        cache: RowCache | None = None,
    ) -> None:
        self._given: Final = (grid, constants, constraints, factors, canonical, sampler)
        self.grid: Final = grid
        self._constants: Final = dict(constants)
        self._constraints: Final = constraints
        self._factors: Final = factors
        self._canonical: Final = canonical
        self._sampler: Final = sampler
        self._expectations: Final = expectations
        self.asked_rows: frozenset[bytes] = frozenset()
        self._evidence_rows: dict[bytes, list[float]] = {}
        self._cache: Final = cache or RowCache()
        self._parts: dict[tuple[tuple[str, float], ...], Region] = {}

    def part(self, pins: Mapping[str, float]) -> "Region":
        """Return the part of the region in which some parameters have a fixed level, by name.

        Its features, canonical rows and evidence are cached on their own.
        """
        if not pins:
            return self
        key = tuple(sorted(pins.items()))
        if key not in self._parts:
            grid = Grid({column.name: column.distribution for column in self.grid.columns}, pins)
            given = (self._constants, self._constraints, self._factors, self._canonical)
            part = Region(grid, *given, expectations=self._expectations)
            self._parts = {key: part}  # the latest one: most are asked for once, or each time
        return self._parts[key]

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters of its points, constants included."""
        return frozenset(self._constants) | {column.name for column in self.grid.columns}

    def points(self, rows: Rows) -> list[dict[str, Any]]:
        """Return the points of `rows`, including constants."""
        return [{**self._constants, **point} for point in self.grid.decode(rows)]

    def canonical(self, rows: Rows) -> Rows:
        """Return the canonical row of each row, equal for all rows that build the same network."""
        if self._canonical is None or not len(rows):
            return rows
        keys = [row.tobytes() for row in rows]
        known = self._cache.canonical = trimmed(self._cache.canonical, keys)
        new = {key: i for i, key in enumerate(keys) if key not in known}
        if new:  # called with all trials of a study before every proposal
            found = self.grid.encode([self._canonical(p) for p in self.points(rows[list(new.values())])])
            known.update(zip(new, (row.tobytes() for row in found), strict=True))
        joined = b"".join(known[key] for key in keys)
        return np.frombuffer(joined, dtype=np.float64).reshape(rows.shape).copy()

    def features(self, rows: Rows) -> NDArray[np.float64]:
        """Return the known constraints, then the factors, of each row, ``[n, k + f]``.

        Raises:
            ProblemError: if a function does not return a table of numbers.
        """
        if self._constraints is None and self._factors is None:
            return np.zeros((len(rows), 0))
        keys = [row.tobytes() for row in rows]
        known = self._cache.features = trimmed(self._cache.features, keys)
        first: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            if key not in known:
                first.setdefault(key, i)
        if first:
            table = self._featured(self.points(rows[list(first.values())]))
            known.update(zip(first, (row.tobytes() for row in table), strict=True))
        joined = b"".join(known[key] for key in keys)
        return np.frombuffer(joined, dtype=np.float64).reshape(len(keys), self._cache.width).copy()

    def _featured(self, points: Sequence[Params]) -> NDArray[np.float64]:
        """Return the known constraints, then the factors, of some points, ``[n, k + f]``."""
        tables = [
            _table(batch, points, name)
            for batch, name in (
                (self._constraints, "known_constraints"),
                (self._factors, "factors_batch"),
            )
            if batch is not None
        ]
        self._cache.n_constraints = tables[0].shape[1] if self._constraints is not None else 0
        table = np.concatenate([*tables, np.zeros((len(points), 0))], axis=1)
        self._cache.width = table.shape[1]
        return table

    def evidence(self, rows: Rows) -> NDArray[np.float64] | None:
        """Return what each source of evidence expects of each row, ``[n, s]``; None without sources."""
        if self._expectations is None:
            return None
        table = self._predicted(rows)
        asked = np.array([row.tobytes() in self.asked_rows for row in rows], dtype=np.bool_)
        if asked.any():
            table[asked] = self._expectations.exact(rows[asked])
        return table

    def expecting(self, expectations: Expectations | None) -> "Region":
        """Return the same region with sources of evidence."""
        return Region(*self._given, expectations=expectations, cache=self._cache)

    def under(self, constraints: Batch | None, sampler: Draw | None) -> "Region":
        """Return the region of the same space under other known constraints, without sources of evidence."""
        grid, constants, _, factors, canonical, _ = self._given
        return Region(grid, constants, constraints, factors, canonical, sampler)

    def asking(self, rows: Rows) -> "Region":
        """Return the same region with costly sources asked of `rows` too, instead of predicted."""
        found = copy.copy(self)
        found.asked_rows = self.asked_rows | {row.tobytes() for row in rows}
        return found

    def _predicted(self, rows: Rows) -> NDArray[np.float64]:
        assert self._expectations is not None
        keys = [row.tobytes() for row in rows]
        known = self._evidence_rows = trimmed(self._evidence_rows, keys)
        new = {key: i for i, key in enumerate(keys) if key not in known}
        if new:
            found = self._expectations.predicted(rows[list(new.values())]).tolist()
            known.update(zip(new, found, strict=True))
        return np.array([known[key] for key in keys]).reshape(len(keys), self._expectations.count)

    def excess(self, rows: Rows) -> NDArray[np.float64]:
        """Return the known constraints of each row, ``[n, k]``; NaN counts as +inf."""
        if self._constraints is None or not len(rows):
            return np.zeros((len(rows), 0))
        values = self.features(rows)[:, : self._cache.n_constraints]
        return np.where(np.isnan(values), np.inf, values)

    def fits(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether each row is feasible, ``[n]``."""
        return np.asarray((self.excess(rows) <= 0).all(axis=1))

    def whole(self) -> Rows | None:
        """Return every distinct feasible point; None if the space is too large to list.

        Raises:
            NothingFeasibleError: if no point of the space is feasible.
        """
        if self._cache.whole is None and self.grid.size <= _ENUMERABLE:
            rows = distinct(self.canonical(self.grid.everything()))
            self._cache.whole = rows[self.fits(rows)]
            if not len(self._cache.whole):
                raise _nothing_feasible(f"none of its {len(rows):,} points does")
        return self._cache.whole

    def draw(self, rng: np.random.Generator, n: int) -> Rows:
        """Return up to `n` distinct feasible points, ``[<= n, d]``, at least one.

        Raises:
            NothingFeasibleError: if none was found.
        """
        whole = self.whole()
        if whole is not None:
            count, weights = min(n, len(whole)), self.grid.weights(whole)
            return whole[rng.choice(len(whole), count, replace=False, p=weights)]
        if self._sampler is not None:
            return self.grid.encode(self._sampler(rng, n))
        found = np.zeros((0, len(self.grid.columns)))
        nearest = self.grid.draw(rng, n)
        idle = 0
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
            before, found = len(found), distinct(np.concatenate([found, fresh]))
            idle = idle + 1 if len(found) == before else 0
            if len(found) >= n or (len(found) and idle >= _IDLE_ROUNDS):
                break
        if not len(found):
            raise _nothing_feasible(f"none of {_ROUNDS * max(2 * n, 256):,} drawn did")
        return found[rng.permutation(len(found))[:n]]


def distinct(rows: Rows) -> Rows:
    """Return `rows` without duplicates, in order of first appearance."""
    if not rows.size:
        return rows[:1]
    whole = np.ascontiguousarray(rows + 0.0)  # one sign of zero
    keys = whole.view(np.dtype((np.void, whole.itemsize * whole.shape[1]))).ravel()
    _, first = np.unique(keys, return_index=True)
    return rows[np.sort(first)]


def _table(batch: Batch, points: Sequence[Params], name: str) -> NDArray[np.float64]:
    table = np.asarray(batch(points), dtype=np.float64)
    if table.ndim != 2 or len(table) != len(points):
        raise ProblemError(
            f"{name} returned an array of shape {table.shape} for {len(points)} points: "
            f"expected [{len(points)}, k], one row per point."
        )
    return table


def _nothing_feasible(reason: str) -> NothingFeasibleError:
    return NothingFeasibleError(
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
