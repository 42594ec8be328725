"""Sources of evidence as the surrogate reads them: standardised, costly ones predicted from few points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.errors import ProblemError
from nas.bayesopt.feasible_region import Expectations, Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.problem import Params, Source
from nas.surrogates.factor_gp import FactorGP, Inputs

Floats = NDArray[np.float64]

_REFERENCE: Final = 512  # points drawn to standardise what a source expects
_FARTHEST: Final = 6.0  # standard deviations from the mean at which that is clipped
_STEPS: Final = 40  # maximum number of iterations of the fit to a costly source
_FOLLOWED: Final = 2  # start-up trials that follow sources of evidence


@dataclass(frozen=True, eq=False)
class Sources:
    """Sources of evidence about the points of one region.

    Attributes:
        sources: Sources that tell points of the region apart; the others are left out.
        expectations: What they expect of rows, ``[n, d]`` to ``[n, s]``: 0 where a source knows nothing, and
            nearer to 0 the larger its error.
        followed: Number of start-up trials that follow those that values are expected to rise with.
    """

    sources: tuple[Source, ...]
    expectations: Expectations
    followed: int = _FOLLOWED

    @classmethod
    def of(
        cls, sources: Sequence[Source], region: Region, surrogate: FactorGP | None, seed: int
    ) -> "Sources | None":
        """Return the sources of a region; None if none tells its points apart.

        Args:
            sources: Sources; different names.
            region: Feasible region.
            surrogate: Surrogate of the region's space, by which costly sources are predicted.
            seed: Seed of the points at which sources are read to begin with.

        Raises:
            ProblemError: if two sources have one name, or one does not return numbers.
        """
        names = [source.name for source in sources]
        for name in {name for name in names if names.count(name) > 1}:
            raise ProblemError(f"Two sources of evidence are named '{name}': expected different names.")
        columns = [_column(source, region, surrogate, seed) for source in sources]
        useful = [(s, c) for s, c in zip(sources, columns, strict=True) if c is not None]
        if not useful:
            return None
        return cls(
            tuple(source for source, _ in useful),
            Expectations(
                lambda rows: _stacked([column.predicted for _, column in useful], rows, region),
                lambda rows: _stacked([column.exact for _, column in useful], rows, region),
                len(useful),
            ),
        )

    @classmethod
    def of_costs(cls, region: Region, seed: int) -> "Sources | None":
        """Return the known constraints of a region as sources; None if none tells its points apart.

        What has a budget is mostly the better the more it costs: values are expected to rise with each. No
        start-up trial follows that.

        Args:
            region: Feasible region.
            seed: Seed of the points by which constraints are standardised.
        """
        costs = region.excess(_drawn(region, seed, _REFERENCE))
        scales = [_scale(column) for column in costs.T]
        useful = [(j, scale) for j, scale in enumerate(scales) if scale is not None]
        if not useful:
            return None
        columns = [j for j, _ in useful]
        means, deviations = np.array([scale for _, scale in useful]).T

        def expected(rows: Rows) -> Floats:
            return _standardised(region.excess(rows)[:, columns], means, deviations)

        def source(j: int) -> Source:
            def cost(points: Sequence[Params]) -> Floats:
                return np.asarray(region.excess(region.grid.encode(points))[:, j])

            return Source(name=f"known constraint {j + 1}", expects=cost, rises=True)

        return cls(tuple(map(source, columns)), Expectations(expected, expected, len(columns)), followed=0)

    @property
    def rising(self) -> NDArray[np.bool_]:
        """Which sources values are expected to rise with, ``[s]``."""
        return np.array([source.of_value or source.rises for source in self.sources])

    @property
    def of_value(self) -> bool:
        """Whether a source claims to expect the value itself."""
        return any(source.of_value for source in self.sources)

    @property
    def costly(self) -> bool:
        """Whether a source is asked for few points only."""
        return any(source.reads is not None for source in self.sources)

    @property
    def names(self) -> str:
        """Names in one line."""
        return ", ".join(source.name for source in self.sources)

    def expected(self, rows: Rows) -> Floats:
        """Return the sum of what the sources that values rise with expect of each row, ``[n]``."""
        return np.asarray(self.expectations.predicted(rows) @ self.rising.astype(np.float64))


_Read = Callable[[Rows, Sequence[Params]], Floats]


@dataclass(frozen=True)
class _Column:
    """Functions from rows and their points to what one source expects, standardised, ``[n]``."""

    predicted: _Read
    exact: _Read


def _stacked(columns: Sequence[_Read], rows: Rows, region: Region) -> Floats:
    points = region.points(rows)  # one list for all sources: counts of the same points are made once
    return np.stack([column(rows, points) for column in columns], axis=1)


def _column(source: Source, region: Region, surrogate: FactorGP | None, seed: int) -> _Column | None:
    """Return what one source expects, ``[n]``; None if it does not tell points apart."""
    rows = _drawn(region, seed, source.reads or _REFERENCE)
    ask = _Asked(source)
    points = region.points(rows)
    values = ask(rows, points)[:, 0]
    scale = _scale(values)
    if scale is None:
        return None
    mean, deviation = scale

    def exact(rows: Rows, points: Sequence[Params]) -> Floats:
        table = ask(rows, points)
        noise = (table[:, 1] / deviation) ** 2
        return _standardised(table[:, 0], mean, deviation) / np.where(np.isfinite(noise), 1 + noise, 1.0)

    if source.reads is None or surrogate is None:
        return _Column(exact, exact)
    known = np.isfinite(values)
    learnt = surrogate.fitted(_inputs(region, rows[known]), exact(rows, points)[known], None, _STEPS)
    return _Column(lambda rows, _: learnt.predict(_inputs(region, rows))[0], exact)


def _drawn(region: Region, seed: int, n: int) -> Rows:
    """Return points by which what sources expect is standardised, ``[<= n, d]``."""
    return region.draw(np.random.default_rng(np.random.SeedSequence([seed, 1])), n)


def _scale(values: Floats) -> tuple[float, float] | None:
    """Return mean and standard deviation of the finite ones of `values`; None if they tell nothing apart."""
    known = values[np.isfinite(values)]
    if len(known) < 2 or np.ptp(known) <= 1e-12 * (1 + abs(known).max()):
        return None
    return float(known.mean()), float(known.std())


def _standardised(values: Floats, mean: Floats | float, deviation: Floats | float) -> Floats:
    """Return `values` in deviations from the mean, clipped; 0 for those that are not finite."""
    known = np.isfinite(values)
    z = (np.where(known, values, 0.0) - mean) / deviation
    return np.asarray(np.where(known, np.clip(z, -_FARTHEST, _FARTHEST), 0.0))


class _Asked:
    """What a source expects of rows and its standard errors, ``[n, 2]``, NaN where it knows nothing.

    A costly source is asked once for each row.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: dict[bytes, tuple[float, float]] = {}

    def __call__(self, rows: Rows, points: Sequence[Params]) -> Floats:
        if self._source.reads is None:
            return read(self._source, points)
        keys = [row.tobytes() for row in rows]
        fresh = {key: i for i, key in enumerate(keys) if key not in self._kept}
        if fresh:
            found = read(self._source, [points[i] for i in fresh.values()])
            self._kept.update(zip(fresh, ((a, b) for a, b in found.tolist()), strict=True))
        return np.array([self._kept[key] for key in keys]).reshape(len(keys), 2)


def read(source: Source, points: Sequence[Params]) -> Floats:
    """Return what a source expects of points and its standard errors, ``[n, 2]``; NaN where unknown.

    Raises:
        ProblemError: if it does not return a number for each point.
    """
    table = np.asarray(source.expects(points), dtype=np.float64)
    if table.shape == (len(points),):
        table = np.stack([table, np.zeros(len(points))], axis=1)
    if table.shape != (len(points), 2):
        raise ProblemError(
            f"The source of evidence '{source.name}' returned an array of shape {table.shape} for "
            f"{len(points)} points: expected [{len(points)}], or with standard errors [{len(points)}, 2]."
        )
    return np.where(np.isfinite(table).all(axis=1, keepdims=True), table, np.nan)


def _inputs(region: Region, rows: Rows) -> Inputs:
    return Inputs(rows, region.features(rows), np.ones(len(rows)))
