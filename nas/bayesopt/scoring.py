"""Scores candidates: log expected improvement of the objectives times the probability of feasibility."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from nas.bayesopt import pareto
from nas.bayesopt.acquisition import (
    cells_above,
    conditioned,
    log_expected_hypervolume_improvement,
    log_noisy_expected_improvement,
    log_probability_of_feasibility,
)
from nas.bayesopt.feasible_region import Region, distinct
from nas.bayesopt.grid import Rows
from nas.bayesopt.history import History
from nas.bayesopt.initial_design import unseen
from nas.bayesopt.learnt_constraints import LearntConstraint
from nas.surrogates.factor_gp import Conditioned, Inputs, Posterior

_DRAWS: Final = 24  # draws of the values of noisy and running points
_BASE: Final = 48  # observed points that a candidate has to improve upon
_CONTENDERS: Final = 300  # points with the highest values, from which those are chosen
_PENDING: Final = 32  # maximum number of running points whose values are drawn


@dataclass(frozen=True)
class AcquisitionState:
    """Posteriors of objectives and measured constraints, and the points to improve upon.

    Attributes:
        region: Feasible region by known constraints.
        objectives: Posteriors of values to be maximised; empty before the first value.
        constraints: Constraints that were learnt from trials.
        observed: Points with a value, best first, ``[o, d]``.
        pending: Points in training that are not among them, ``[p, d]``.
        feasible: Whether each observed, then each pending point counts as feasible, ``[o + p]``.
        normals: Standard normal numbers, ``[draws, o + p]``.
    """

    region: Region
    objectives: list[Posterior]
    constraints: list[LearntConstraint]
    observed: Rows
    pending: Rows
    feasible: NDArray[np.bool_]
    normals: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        rng: np.random.Generator,
        region: Region,
        history: History,
        objectives: list[Posterior],
        constraints: list[LearntConstraint],
    ) -> "AcquisitionState":
        """Return the state after `history`."""
        observed = history.rows
        if len(objectives) == 1:  # only the best are improved upon: others need no prediction
            observed = observed[np.argsort(-history.values.sum(axis=1), kind="stable")[:_CONTENDERS]]
        observed = distinct(observed)
        if objectives:
            means = [p.predict(inputs(region, observed))[0] for p in objectives]
            order = np.argsort(-np.stack(means).sum(axis=0), kind="stable")
            observed = observed[order[:_BASE]] if len(objectives) == 1 else observed[order]
        known = frozenset(row.tobytes() for row in observed)
        pending = unseen(distinct(history.pending), known)[-_PENDING:]  # some have a value of their curve
        both = np.concatenate([observed, pending])
        return cls(
            region,
            objectives,
            constraints,
            observed,
            pending,
            _feasible(region, constraints, both),
            rng.standard_normal((_DRAWS, len(both))),
        )

    def score(self, rows: Rows) -> NDArray[np.float64]:
        """Return the log acquisition of each of `rows`, ``[n]``."""
        candidates = inputs(self.region, rows)
        total = torch.zeros(len(rows), dtype=torch.float64)
        if self.constraints:
            none = candidates[:0]
            moments = [learnt.posterior.of(candidates, none)[:2] for learnt in self.constraints]
            means, variances = (torch.stack(moment, dim=1) for moment in zip(*moments, strict=True))
            total = total + log_probability_of_feasibility(means, variances)
        if len(self.objectives) == 1:
            total = total + self._improvement(candidates)
        elif self.objectives:
            total = total + self._volume(candidates)
        return np.nan_to_num(total.numpy(), nan=-1e9, neginf=-1e9)

    @cached_property
    def _bases(self) -> list[Conditioned]:
        """What each objective says of the points that candidates are compared with."""
        rows = self.pending if len(self.objectives) > 1 else np.concatenate([self.observed, self.pending])
        base = inputs(self.region, rows)
        return [objective.conditioned(base) for objective in self.objectives]

    def _improvement(self, candidates: Inputs) -> Float[Tensor, " n"]:
        normals = torch.from_numpy(self.normals)
        mean, variance, values = conditioned(*self.objectives[0].of(candidates, self._bases[0]), normals)
        feasible = torch.from_numpy(self.feasible)
        if not self.feasible.any():  # then any value is an improvement, and feasibility decides
            values, feasible = values.amin(dim=1, keepdim=True), torch.ones(1, dtype=torch.bool)
        return log_noisy_expected_improvement(mean, variance, values, feasible)

    def _volume(self, candidates: Inputs) -> Float[Tensor, " n"]:
        """Return the log expected hypervolume improvement, with running points at their means."""
        zeros = torch.zeros((1, len(self.pending)), dtype=torch.float64)
        means, variances = [], []
        for posterior, base in zip(self.objectives, self._bases, strict=True):
            mean, variance, _ = conditioned(*posterior.of(candidates, base), zeros)
            means.append(mean[0])
            variances.append(variance)
        return log_expected_hypervolume_improvement(
            torch.stack(means, dim=1), torch.stack(variances, dim=1), self._cells
        )

    @cached_property
    def _cells(self) -> Float[Tensor, "2 c m"]:
        """What observed and running points leave of the hypervolume, as boxes."""
        seen = inputs(self.region, self.observed)
        both = zip(self.objectives, self._bases, strict=True)
        reached = [
            np.concatenate([posterior.predict(seen)[0], base.mean.numpy()]) for posterior, base in both
        ]
        all_values = np.stack(reached, axis=1)
        # Infeasible points bound nothing that is to be reached, however good they are. The reference point is
        # below them too: where few are feasible, the front would otherwise not be extended.
        chosen = all_values[self.feasible] if self.feasible.any() else all_values.min(0, keepdims=True)
        front, corner = chosen[pareto.front(chosen)], pareto.reference_point(all_values)
        return cells_above(torch.from_numpy(front), torch.from_numpy(corner))


def inputs(region: Region, rows: Rows, fidelity: NDArray[np.float64] | None = None) -> Inputs:
    """Return the surrogate's inputs of `rows`, at full trainings unless `fidelity` is given."""
    fidelity = np.ones(len(rows)) if fidelity is None else fidelity
    return Inputs(rows, region.features(rows), fidelity, region.evidence(rows))


def _feasible(region: Region, constraints: list[LearntConstraint], rows: Rows) -> NDArray[np.bool_]:
    """Return whether each row is feasible: by what its trial showed, else by the predicted mean."""
    fits = region.fits(rows)
    for learnt in constraints:
        expected = learnt.posterior.predict(inputs(region, rows))[0]
        fits &= learnt.at(rows, expected) <= 0
    return fits
