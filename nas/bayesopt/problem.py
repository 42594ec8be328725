"""What an algorithm may know of a search problem before the first trial."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

Params: TypeAlias = Mapping[str, Any]
"""One point of a search space: a value for every parameter name."""


@dataclass(frozen=True, kw_only=True)
class TransferSource:
    """What an earlier study of the same parameters saw, under other constraints or on other images.

    Attributes:
        points: Where, ``n`` of them; one with a learning curve comes several times.
        values: What was observed there, higher is better, ``[n]``.
        fidelity: The share of a whole training after which, ``[n]``, in (0, 1].
        networks: The number of the network of each point, ``[n]``.
        known_constraints_batch: As of a `Problem`; of the earlier study.
        draw: The same.
    """

    points: Sequence[Params]
    values: NDArray[np.float64]
    fidelity: NDArray[np.float64]
    networks: NDArray[np.int64]
    known_constraints_batch: Callable[[Sequence[Params]], NDArray[np.float64]] | None = None
    draw: Callable[[np.random.Generator, int], list[dict[str, Any]]] | None = None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a sampler may know before the first trial.

    Attributes:
        distributions: Parameter name to Optuna distribution; fixed for the whole study.
        seed: Seed of every generator, at least 0.
        known_constraints_batch: `n` points to values ``[n, k]``; a point fits where all are <= 0.
            Free to call, also for many thousands of points. None where nothing is constrained.
        factors_batch: `n` points to real features ``[n, f]`` that a surrogate may learn from, for
            example log MACs, log params and realised depths. None where there are none.
        canonical: A point to the one point that stands for all that build the same network (inactive
            parameters at a fixed value). None where every point is its own network.
        draw: A generator and a number `n` to `n` distinct canonical points, uniform over what fits.
            None where a sampler has to draw from the distributions and reject.
        earlier: What another study saw; samplers that cannot learn from it leave it.
    """

    distributions: Mapping[str, BaseDistribution]
    seed: int = 0
    known_constraints_batch: Callable[[Sequence[Params]], NDArray[np.float64]] | None = None
    factors_batch: Callable[[Sequence[Params]], NDArray[np.float64]] | None = None
    canonical: Callable[[Params], dict[str, Any]] | None = None
    draw: Callable[[np.random.Generator, int], list[dict[str, Any]]] | None = None
    earlier: TransferSource | None = None
