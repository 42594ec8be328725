"""Base class of peers that rank the networks which fit by their own model and acquisition."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study
from optuna.trial import FrozenTrial
from typing_extensions import override

from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.samplers._feasible_sampler import FeasibleSampler

Floats = NDArray[np.float64]

_DRAWN = 2_000


class RankedCandidates(FeasibleSampler, ABC):
    """Draws feasible points to begin with, then proposes the candidate with the highest acquisition.

    Candidates are all points that fit where they can be listed, and otherwise `_DRAWN` of them drawn
    uniformly with the neighbours of the best trial: a peer knows of a budget what `factor_gp` knows.

    Attributes:
        start: Number of random trials at the beginning, the peer's own default.
    """

    start: ClassVar[int]

    @abstractmethod
    def acquisition(
        self, rng: np.random.Generator, rows: Rows, values: Floats, pending: Rows, candidates: Rows
    ) -> Floats:
        """Return the acquisition of each candidate, ``[c]``; the highest one is proposed.

        Args:
            rng: Generator of this proposal.
            rows: Points that were valued, ``[n, d]``.
            values: Their values, to be maximised, ``[n]``.
            pending: Points in training, ``[p, d]``.
            candidates: Feasible points, ``[c, d]``.
        """

    @override
    def preferred(self, rng: np.random.Generator, study: Study, trial: FrozenTrial, history: History) -> Rows:
        if history.n_finished < self.start:
            return self.region.draw(rng, 64)
        values = history.values[:, 0]
        candidates = self._candidates(rng, history.rows[values.argmax()])
        scores = self.acquisition(rng, history.rows, values, history.pending, candidates)
        return candidates[np.argsort(-scores, kind="stable")]

    def _candidates(self, rng: np.random.Generator, best: NDArray[np.float64]) -> Rows:
        whole = self.region.whole()
        if whole is not None:
            return whole
        near = self.region.canonical(self.region.grid.neighbours(rng, best))
        return np.concatenate([near[self.region.fits(near)], self.region.draw(rng, _DRAWN)])

    def one_hot(self, rows: Rows) -> Floats:
        """Return points with a column for each level of a category, and numbers in [0, 1], ``[n, k]``."""
        columns = []
        for position, column in enumerate(self.region.grid.columns):
            levels = rows[:, position]
            if column.ordered:
                columns.append(column.positions(levels)[:, None])
            else:
                columns.append((levels[:, None] == np.arange(column.levels)).astype(np.float64))
        return np.concatenate(columns, axis=1)
