"""Search problem as samplers see it: distributions, known constraints, features, earlier study."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

Params: TypeAlias = Mapping[str, Any]
"""Point of a search space: parameter name to value."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """One source of evidence: expects a value of each network before it is trained.

    Attributes:
        name: Name in reports; different for each source of a search.
        expects: Function from `n` points to numbers on any scale, ``[n]``, or to numbers and their standard
            errors, ``[n, 2]``; NaN where it knows nothing of a point.
        of_value: Whether it claims to expect the value itself, as an earlier study does: higher is then
            thought better, and the first proposal follows it. Of a count, only trials tell the sign.
        rises: Whether values are expected to rise with it all the same, as with MACs or blocks.
        reads: Number of points that a costly source is asked for before the first proposal, at least 10; all
            others are predicted from them, and each proposal asks for its best few candidates. None for a
            source that is asked for any number of points.
    """

    name: str
    expects: Callable[[Sequence[Params]], NDArray[np.float64]]
    of_value: bool = False
    rises: bool = False
    reads: int | None = None


@dataclass(frozen=True, kw_only=True)
class TransferSource:
    """Observations of an earlier study of the same parameters, under other constraints or on other images.

    Attributes:
        points: Observed points, ``n`` of them; one with a learning curve occurs several times.
        values: Observed values, higher is better, ``[n]``.
        fidelity: Share of a full training after which each value was observed, ``[n]``, in (0, 1].
        networks: Number of the network of each point, ``[n]``.
        known_constraints_batch: Known constraints of the earlier study; see `Problem`.
        draw: Sampler of feasible points of the earlier study; see `Problem`.
        name: Name of the study in reports.
        additive: Whether what they tell of a network is only a sum over its parameters. Values that are read
            from shared weights differ from trained ones in how choices go together, of which a sum is free.
    """

    points: Sequence[Params]
    values: NDArray[np.float64]
    fidelity: NDArray[np.float64]
    networks: NDArray[np.int64]
    known_constraints_batch: Callable[[Sequence[Params]], NDArray[np.float64]] | None = None
    draw: Callable[[np.random.Generator, int], list[dict[str, Any]]] | None = None
    name: str = "earlier study"
    additive: bool = False


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a sampler knows before the first trial.

    Attributes:
        distributions: Optuna distribution of each parameter by name; fixed for the whole study.
        seed: Seed of all generators, at least 0.
        known_constraints_batch: Function from `n` points to values ``[n, k]``; a point is feasible where all
            are <= 0. Cheap to call, also with many thousands of points. None without constraints.
        factors_batch: Function from `n` points to real features ``[n, f]`` of the surrogate, for example
            log MACs, log params and realised depths. None without features.
        canonical: Function from a point to the representative of all points that build the same network
            (inactive parameters at a fixed value). None if every point is its own network.
        draw: Function from a generator and a number `n` to `n` distinct canonical points, uniform over the
            feasible ones. None if a sampler has to draw from the distributions and reject.
        evidence: Sources of evidence, observations of earlier studies too. Not every sampler uses them.
        failure_counts: Function from a failed trial to whether its point is to blame and is not to be tried
            again. None if it always is.
        drop_of: Function from a trial to what deployment takes off its value, None where it was not valued as
            deployed. None if no trial is.
    """

    distributions: Mapping[str, BaseDistribution]
    seed: int = 0
    known_constraints_batch: Callable[[Sequence[Params]], NDArray[np.float64]] | None = None
    factors_batch: Callable[[Sequence[Params]], NDArray[np.float64]] | None = None
    canonical: Callable[[Params], dict[str, Any]] | None = None
    draw: Callable[[np.random.Generator, int], list[dict[str, Any]]] | None = None
    evidence: Sequence[Source | TransferSource] = ()
    failure_counts: Callable[[FrozenTrial], bool] | None = None
    drop_of: Callable[[FrozenTrial], float | None] | None = None
