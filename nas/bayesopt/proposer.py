"""Proposes the next point of a study: fits the surrogates to its history and maximises the acquisition."""

import math
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
from nas.bayesopt.learnt_constraints import LearntConstraint, shown_constraints
from nas.bayesopt.prior_mean import PriorMean
from nas.bayesopt.scoring import AcquisitionState, inputs
from nas.surrogates.factor_features import Factor
from nas.surrogates.factor_gp import OUTLYING, FactorGP, Posterior

_PARENTS: Final = 12  # best points, from which mutants are made
_ALWAYS_FITTED: Final = 100  # values up to which each proposal refits; later each 10 % more values do
_STEPS: Final = 40  # maximum number of iterations of a fit
_SCORED: Final = 4e6  # maximum number of candidates x values scored at once, about 0.1 s
_REFERENCE: Final = 512  # points drawn to standardise features
_VOLUMES: Final = 3  # maximum number of objectives for expected hypervolume improvement

Fit = Mapping[str, list[float]]
"""Hyper-parameters of each surrogate by its name, and under ``n`` the number of fitted values."""


@dataclass(frozen=True)
class Proposer:
    """Chooses the next point of a region.

    Attributes:
        region: Feasible region.
        surrogate: Surrogate of the region's space.
        prior_mean: Prior mean from an earlier study; None without one.
    """

    region: Region
    surrogate: FactorGP
    prior_mean: PriorMean | None = None

    @classmethod
    def of(cls, region: Region, seed: int, prior_mean: PriorMean | None = None) -> "Proposer":
        """Return the proposer of `region`; `seed` draws the points that features are standardised by."""
        rng = np.random.default_rng(np.random.SeedSequence([seed]))
        factors = [
            Factor(
                group=repr(column.distribution),
                levels=0 if column.smooth else column.levels,
                positions=column.positions if column.ordered else None,
            )
            for column in region.grid.columns
        ]
        return cls(region, FactorGP(factors, region.features(region.draw(rng, _REFERENCE))), prior_mean)

    def propose(
        self, rng: np.random.Generator, part: Region, history: History, previous: Fit
    ) -> tuple[Rows, dict[str, list[float]]]:
        """Return the next point, ``[1, d]``, and the new fit for it, empty if nothing was refitted.

        If every point has been seen, the one with the highest acquisition is proposed again; one that failed
        only if all others did.

        Args:
            rng: Generator of draws and mutations.
            part: Part of the region from which the point is chosen.
            history: Trials of the study.
            previous: Latest fit before.
        """
        with torch.device("cpu"):
            state, fit = self._fit_surrogates(rng, history, previous)
            limit = int(np.clip(_SCORED / max(len(history.rows), 1), 1_000, 20_000))
            parents = np.concatenate([state.observed[state.feasible[: len(state.observed)]]])
            row = parents[:0]
            with torch.no_grad():
                failed = frozenset(row.tobytes() for row in history.failed)
                for seen in (history.seen, failed, frozenset[bytes]()):
                    row = best_point(rng, part, state.score, parents[:_PARENTS], seen, limit)
                    if len(row):
                        break
            return row, fit

    def _fit_surrogates(
        self, rng: np.random.Generator, history: History, previous: Fit
    ) -> tuple[AcquisitionState, dict[str, list[float]]]:
        n = len(history.rows) + len(history.measured_rows) + len(history.failed)
        due = n <= _ALWAYS_FITTED or n >= 1.1 * previous.get("n", [0])[0]
        fit: dict[str, list[float]] = {}

        def posterior(
            name: str,
            rows: Rows,
            y: NDArray[np.float64],
            fidelity: NDArray[np.float64] | None,
            prior_std: float | None,
        ) -> Posterior:
            start = np.array(previous[name]) if name in previous else None
            points = inputs(self.region, rows, fidelity)
            found = self.surrogate.fitted(
                points,
                y,
                start,
                _STEPS if due else 0,
                prior_std,
                lowest=math.inf if fidelity is None else OUTLYING,  # a constraint has no outliers
            )
            fit[name] = found.hyper_parameters.tolist()
            return found

        values = _scalarised(rng, history.values) if len(history.rows) else history.values[:, :0]
        prior = self.prior_mean if values.shape[1] == 1 else None  # it predicts a single objective
        prior_std = None if prior is None else prior.prior_std
        objectives = [
            posterior(f"objective{j}", history.rows, y, history.fidelity, prior_std)
            for j, y in enumerate(values.T)
        ]
        constraints = [
            LearntConstraint(shown, posterior(shown.name, shown.rows, shown.values, None, None))
            for shown in shown_constraints(self.region, history)
        ]
        state = AcquisitionState.of(rng, self.region, history, objectives, constraints)
        return state, {**fit, "n": [float(n)]} if due else {}


def _scalarised(rng: np.random.Generator, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return up to three objectives unchanged, and more as one randomly weighted objective.

    That objective is an augmented Chebyshev function (ParEGO: Knowles, 2006,
    https://doi.org/10.1109/TEVC.2005.851274), with new weights at each proposal.
    """
    n_objectives = values.shape[1]
    if n_objectives <= _VOLUMES:
        return values
    low, spread = values.min(axis=0), np.ptp(values, axis=0)
    unit = (values - low) / np.where(spread > 0, spread, 1.0)
    weighted = unit * rng.dirichlet(np.ones(n_objectives))
    return np.asarray((weighted.min(axis=1) + 0.05 * weighted.sum(axis=1))[:, None])
