"""Proposes the next point of a study: fits the surrogates to its history and maximises the acquisition."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from nas.bayesopt.acquisition_optimizer import best_points
from nas.bayesopt.deployed_values import as_deployed
from nas.bayesopt.earlier_study import earlier_study
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.bayesopt.learnt_constraints import LearntConstraint, shown_constraints
from nas.bayesopt.problem import Source, TransferSource
from nas.bayesopt.region_surrogate import surrogate_of
from nas.bayesopt.scoring import AcquisitionState, inputs
from nas.bayesopt.sources import Sources
from nas.surrogates.factor_gp import OUTLYING, FactorGP, Posterior

_PARENTS: Final = 12  # best points, from which mutants are made
_ALWAYS_FITTED: Final = 100  # values up to which each proposal refits; later each 10 % more values do
_STEPS: Final = 40  # maximum number of iterations of a fit
_SCORED: Final = 4e6  # maximum number of candidates x values scored at once, about 0.1 s
_READ: Final = 16  # best candidates of which costly sources are asked
_VOLUMES: Final = 3  # maximum number of objectives for expected hypervolume improvement

Fit = Mapping[str, list[float]]
"""Hyper-parameters of each surrogate by its name, and under ``n`` the number of fitted values."""


@dataclass(frozen=True)
class Proposer:
    """Chooses the next point of a region.

    Attributes:
        region: Feasible region.
        surrogate: Surrogate of the region's space.
        sources: Sources of evidence about the region; None without any.
    """

    region: Region
    surrogate: FactorGP
    sources: Sources | None = None

    @classmethod
    def of(cls, region: Region, seed: int, evidence: Sequence[Source | TransferSource] = ()) -> "Proposer":
        """Return the proposer of a region.

        Args:
            region: Feasible region.
            seed: Seed of the points that features and evidence are standardised by.
            evidence: Sources of evidence. Those that do not tell points apart are left out, and so are
                earlier studies that do not predict their own networks. Without any, known constraints are.
        """
        surrogate = surrogate_of(region, seed)
        read = [
            source if isinstance(source, Source) else earlier_study(region, source, seed)
            for source in evidence
        ]
        sources = (
            Sources.of([source for source in read if source is not None], region, surrogate, seed)
            if evidence
            else Sources.of_costs(region, seed)
        )
        expectations = None if sources is None else sources.expectations
        return cls(region.expecting(expectations), surrogate, sources)

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
        state, fit = self._fit_surrogates(rng, history, previous)
        limit = int(np.clip(_SCORED / max(len(history.rows), 1), 1_000, 20_000))
        parents = np.concatenate([state.observed[state.feasible[: len(state.observed)]]])
        rows, count = parents[:0], 1 if self.sources is None or not self.sources.costly else _READ
        with torch.no_grad():
            failed = frozenset(row.tobytes() for row in history.failed)
            for seen in (history.seen, failed, frozenset[bytes]()):
                rows = best_points(rng, part, state.score, parents[:_PARENTS], seen, limit, count)
                if len(rows):
                    break
            if len(rows) > 1:
                read = replace(state, region=state.region.asking(rows))
                rows = rows[np.argsort(-read.score(rows), kind="stable")]
        return rows[:1], fit

    def _fit_surrogates(
        self, rng: np.random.Generator, history: History, previous: Fit
    ) -> tuple[AcquisitionState, dict[str, list[float]]]:
        n = len(history.rows) + len(history.measured_rows) + len(history.failed)
        due = n <= _ALWAYS_FITTED or n >= 1.1 * previous.get("n", [0])[0]
        fit: dict[str, list[float]] = {}
        region = self.region
        if self.sources is not None and self.sources.costly:
            region = region.asking(np.concatenate([history.rows, history.pending]))

        def posterior(
            name: str,
            rows: Rows,
            y: NDArray[np.float64],
            fidelity: NDArray[np.float64] | None,
            rising: NDArray[np.bool_] | None,
            noise: NDArray[np.float64] | None = None,
        ) -> Posterior:
            start = np.array(previous[name]) if name in previous else None
            points = replace(inputs(region, rows, fidelity), noise=noise)
            found = self.surrogate.fitted(
                points,
                y,
                start,
                _STEPS if due else 0,
                rising,
                lowest=math.inf if fidelity is None else OUTLYING,  # a constraint has no outliers
            )
            fit[name] = found.hyper_parameters.tolist()
            return found

        def drop(rows: Rows, drops: NDArray[np.float64], at: Rows) -> tuple[Any, Any]:
            return posterior("drop", rows, drops, None, None).predict(inputs(region, at))

        deployed, noise = as_deployed(history, drop)
        history = replace(history, values=deployed)
        values = _scalarised(rng, history.values) if len(history.rows) else history.values[:, :0]
        values, units = _of_unit_size(values)
        if noise is not None:
            noise = noise * units[0] ** 2
        sources = self.sources if values.shape[1] == 1 else None  # they expect a single objective
        rising = None if sources is None else sources.rising
        names = "" if sources is None else f" with {sources.names}"
        objectives = [
            posterior(f"objective{j}{names}", history.rows, y, history.fidelity, rising, noise)
            for j, y in enumerate(values.T)
        ]
        constraints = [
            LearntConstraint(shown, posterior(shown.name, shown.rows, shown.values, None, None))
            for shown in shown_constraints(self.region, history)
        ]
        state = AcquisitionState.of(rng, region, history, objectives, constraints)
        return state, {**fit, "n": [float(n)]} if due else {}


def _of_unit_size(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return objectives with a median distance from the median of 1 to 2, and what they were multiplied by.

    Acquisition and fit have limits for values of about that size. Factors are powers of two, so that
    rounding stays as it was.
    """
    distances = np.abs(values - np.median(values, axis=0)) if len(values) else values
    units = np.ones(values.shape[1])
    for j, column in enumerate(distances.T):
        spread = float(np.median(column)) or float(np.median(column[column > 0])) if column.any() else 0.0
        if 0.0 < spread < np.inf:
            units[j] = 2.0 ** np.clip(-np.floor(np.log2(spread)), -1_000, 1_000)
    return values * units, units


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
