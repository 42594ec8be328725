"""From a history to the next point: fit, score, search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from nas.bayesopt.acquisition_optimizer import best_point
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.bayesopt.prior_mean import PriorMean
from nas.bayesopt.scoring import AcquisitionState, inputs
from nas.surrogates.factor_gp import FactorGP, Posterior
from nas.surrogates.factors import Factor
from trials.torch_threads import torch_threads

_PARENTS: Final = 12  # best points that the search starts from
_ALWAYS_FITTED: Final = 100  # up to so many values every proposal fits anew; then every tenth more
_STEPS: Final = 40  # of a fit at most
_SCORED: Final = 4e6  # candidates x values of one scoring at most: about 0.1 s
_REFERENCE: Final = 512  # points drawn to learn what a typical cost is
_VOLUMES: Final = 3  # objectives at most for which volumes are counted

Fit = Mapping[str, list[float]]
"""Hyper-parameters of each surrogate by its name, and under ``n`` how many values they saw."""


@dataclass(frozen=True)
class Proposer:
    """Chooses the next point of a region.

    Attributes:
        region: The points that fit.
        surrogate: Of the region's space.
        learnt: What is left of an earlier study; None without one.
    """

    region: Region
    surrogate: FactorGP
    learnt: PriorMean | None = None

    @classmethod
    def of(cls, region: Region, seed: int, learnt: PriorMean | None = None) -> "Proposer":
        """Return the proposer of `region`; `seed` decides which points show typical costs."""
        rng = np.random.default_rng(np.random.SeedSequence([seed]))
        factors = [
            Factor(
                group=repr(column.distribution),
                levels=column.levels,
                places=column.places(np.arange(column.levels, dtype=np.float64))
                if column.ordered and column.levels
                else None,
            )
            for column in region.grid.columns
        ]
        return cls(region, FactorGP(factors, region.prices(region.draw(rng, _REFERENCE))), learnt)

    def propose(
        self, rng: np.random.Generator, history: History, earlier: Fit
    ) -> tuple[Rows, dict[str, list[float]]]:
        """Return the next point, ``[1, d]``, and what was fitted for it, empty if nothing was.

        Where every point has been seen, the most promising of them is proposed again.
        """
        with torch_threads(1), torch.device("cpu"):
            beliefs, fit = self._learn(rng, history, earlier)
            limit = int(np.clip(_SCORED / max(len(history.rows), 1), 1_000, 20_000))
            parents = np.concatenate([beliefs.observed[beliefs.feasible[: len(beliefs.observed)]]])
            row = parents[:0]
            with torch.no_grad():
                for seen in (history.seen, frozenset[bytes]()):
                    row = best_point(rng, self.region, beliefs.score, parents[:_PARENTS], seen, limit)
                    if len(row):
                        break
            return row, fit

    def _learn(
        self, rng: np.random.Generator, history: History, earlier: Fit
    ) -> tuple[AcquisitionState, dict[str, list[float]]]:
        n = len(history.rows) + len(history.measured_rows)
        due = n <= _ALWAYS_FITTED or n >= 1.1 * earlier.get("n", [0])[0]
        fit: dict[str, list[float]] = {}

        def posterior(
            name: str,
            rows: Rows,
            y: NDArray[np.float64],
            fidelity: NDArray[np.float64] | None,
            spread: float | None,
        ) -> Posterior:
            start = np.array(earlier[name]) if name in earlier else None
            points = inputs(self.region, rows, fidelity)
            found = self.surrogate.fitted(points, y, start, _STEPS if due else 0, spread)
            fit[name] = found.hyper_parameters.tolist()
            return found

        values = _scalarised(rng, history.values) if len(history.rows) else history.values[:, :0]
        told = self.learnt if values.shape[1] == 1 else None  # of one objective alone
        spread = None if told is None else told.spread
        objectives = [
            posterior(f"objective{j}", history.rows, y, history.fidelity, spread)
            for j, y in enumerate(values.T)
        ]
        constraints = []
        for j, column in enumerate(history.measured.T):
            told = np.isfinite(column)
            rows = history.measured_rows[told]
            constraints.append(posterior(f"constraint{j}", rows, column[told], None, None))
        beliefs = AcquisitionState.of(rng, self.region, history, objectives, constraints)
        return beliefs, {**fit, "n": [float(n)]} if due else {}


def _scalarised(rng: np.random.Generator, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return up to three objectives as they are, and more as one, weighted at random.

    The one is an augmented Chebyshev function (ParEGO: Knowles, 2006,
    https://doi.org/10.1109/TEVC.2005.851274), with new weights at each proposal.
    """
    n_objectives = values.shape[1]
    if n_objectives <= _VOLUMES:
        return values
    low, spread = values.min(axis=0), np.ptp(values, axis=0)
    unit = (values - low) / np.where(spread > 0, spread, 1.0)
    weighted = unit * rng.dirichlet(np.ones(n_objectives))
    return np.asarray((weighted.min(axis=1) + 0.05 * weighted.sum(axis=1))[:, None])
