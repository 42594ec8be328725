"""Syne Tune's conformalised quantile regression (Salinas et al. 2023), over the networks that fit.

Its boosted trees predict five quantiles; a quantile is drawn for each candidate, and the best one proposed.
"""

from typing import Any, ClassVar, final

import numpy as np
import pandas as pd
from optuna.samplers import BaseSampler
from syne_tune.config_space import choice, uniform
from syne_tune.optimizer.schedulers.searchers.conformal.surrogate.quantile_regression_surrogate import (
    QuantileRegressionSurrogateModel,
)
from typing_extensions import override

from nas.bayesopt.grid import Rows
from nas.bayesopt.problem import Problem
from tests.benchmarks.peers._ranked_candidates import Floats, RankedCandidates


@final
class QuantileRegression(RankedCandidates):
    """Ranks candidates by a draw from their predicted quantiles."""

    start: ClassVar[int] = 5

    @override
    def acquisition(
        self, rng: np.random.Generator, rows: Rows, values: Floats, pending: Rows, candidates: Rows
    ) -> Floats:
        model = QuantileRegressionSurrogateModel(
            config_space=self._space(),
            mode="min",
            random_state=np.random.RandomState(int(rng.integers(2**31))),
            min_samples_to_conformalize=32,
            valid_fraction=0.1,
        )
        model.fit(df_features=self._frame(rows), y=-values)
        quantiles = np.asarray(model.predict(self._frame(candidates)).results_stacked)  # [c, quantiles]
        drawn = rng.integers(quantiles.shape[1], size=len(candidates))
        return -quantiles[np.arange(len(candidates)), drawn]

    def _space(self) -> dict[str, Any]:
        return {
            c.name: uniform(0.0, 1.0) if c.ordered else choice([str(level) for level in range(c.levels)])
            for c in self.region.grid.columns
        }

    def _frame(self, rows: Rows) -> pd.DataFrame:
        columns = self.region.grid.columns
        return pd.DataFrame(
            {
                c.name: c.positions(levels) if c.ordered else [str(int(level)) for level in levels]
                for c, levels in zip(columns, rows.T, strict=True)
            }
        )


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return QuantileRegression(problem)
