"""A problem whose answer is known: what a replayed search is asked to solve."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from nas.bayesopt.problem import Params


@dataclass(frozen=True, kw_only=True)
class Task:
    """One search, replayed.

    Attributes:
        name: What it is called in reports.
        distributions: Parameter name to distribution.
        truth: A point to its true value, for example the mean accuracy over seeds, in per cent.
        observe: A point and a generator to what one training would show.
        best: The highest true value among points that fit.
        known_constraints_batch: `n` points to ``[n, k]``; a point fits where all are <= 0.
    """

    name: str
    distributions: Mapping[str, BaseDistribution]
    truth: Callable[[Params], float]
    observe: Callable[[Params, np.random.Generator], float]
    best: float
    known_constraints_batch: Callable[[Sequence[Params]], NDArray[np.float64]] | None = None

    def fits(self, point: Params) -> bool:
        """Return whether `point` keeps every known constraint."""
        if self.known_constraints_batch is None:
            return True
        return bool((self.known_constraints_batch([point]) <= 0).all())
