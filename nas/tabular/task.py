"""Search task with known true values, for replayed searches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from nas.bayesopt.problem import Params, Source


@dataclass(frozen=True, kw_only=True)
class Task:
    """One search task.

    Attributes:
        name: Name in reports.
        distributions: Distribution of each parameter by name.
        truth: Function from a point to its true value, for example the mean accuracy over seeds, in per cent.
        observe: Function from a point and a generator to the noisy value of one training.
        best: Highest true value among feasible points.
        worst: Value that counts for a proposal that breaks a known constraint, for example the lowest of all.
        known_constraints_batch: Function from `n` points to ``[n, k]``; feasible where all are <= 0.
        evidence: What is known of networks before they are trained, such as exact counts.
    """

    name: str
    distributions: Mapping[str, BaseDistribution]
    truth: Callable[[Params], float]
    observe: Callable[[Params, np.random.Generator], float]
    best: float
    worst: float
    known_constraints_batch: Callable[[Sequence[Params]], NDArray[np.float64]] | None = None
    evidence: Sequence[Source] = ()

    def fits(self, point: Params) -> bool:
        """Return whether `point` keeps every known constraint."""
        if self.known_constraints_batch is None:
            return True
        return bool((self.known_constraints_batch([point]) <= 0).all())
