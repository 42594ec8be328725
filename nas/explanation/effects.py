"""Main and joint effects of factors, and the shares of the variance that they explain (Sobol indices).

An effect is the surrogate's mean over networks whose other factors are drawn independently (a partial
dependence). It is a linear function of a Gaussian process, so its error under that process is exact; it is
widened where the search looked at a part of the space only (`nas.explanation.extrapolation`). With
independent factors these means are the first terms of Sobol's decomposition (Sobol, 2001,
https://doi.org/10.1016/S0378-4754(00)00270-6); their variances, drawn from the posterior, are the shares.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.stats import chi2

from dashboards.explanation import Effect, JointEffect, Share
from nas.bayesopt.grid import Rows
from nas.bayesopt.scoring import inputs
from nas.explanation.evidence import Evidence, Floats
from nas.explanation.extrapolation import familiar_share, widening
from nas.explanation.factor_levels import FactorSetting, number_of, place_of
from nas.surrogates.factor_gp import Posterior

_ALONE: Final = 64  # networks averaged for a main effect
_PAIRED: Final = 32  # networks averaged for a joint effect
_DRAWS: Final = 256  # draws of the posterior for intervals
_KNOWN: Final = 0.5  # width of the interval of a share above which it is not identified


@dataclass(frozen=True, eq=False)
class Means:
    """Means of the true accuracy over groups of networks, jointly Gaussian.

    Attributes:
        mean: Posterior means, ``[k]``.
        covariance: Posterior covariance, ``[k, k]``.
        across: Posterior covariance with the accuracy of each base point, ``[k, n]``.
        macs: Geometric mean MACs of each group, ``[k]``.
    """

    mean: Floats
    covariance: Floats
    across: Floats
    macs: Floats

    def projected(self, matrix: Floats) -> "Means":
        """Return linear functions of the means by a matrix ``[j, k]``; MACs are unchanged."""
        covariance = matrix @ self.covariance @ matrix.T
        return Means(matrix @ self.mean, covariance, matrix @ self.across, self.macs)

    @property
    def errors(self) -> Floats:
        """Standard deviations of the means, ``[k]``."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))


class Effects:
    """Computes the effects of factors under one posterior.

    Args:
        evidence: Trained networks.
        posterior: Posterior of the surrogate.
        base: Points with independently drawn factors, ``[n, d]``, at least 64.
        rng: Generator of the draws from the posterior.
        level: Probability with which the interval of a share holds it.

    Attributes:
        mean: Expected accuracy over the base points.
        familiar: Share of the base points that resemble a trained network.
        widened: Factor by which errors are wider than the posterior's.
    """

    def __init__(
        self,
        evidence: Evidence,
        posterior: Posterior,
        base: Rows,
        rng: np.random.Generator,
        level: float = 0.95,
    ) -> None:
        self._evidence, self._posterior, self._rng = evidence, posterior, rng
        self._base, self._level = base, level
        self._points: Final = inputs(evidence.region, evidence.canonical(base))
        self._whole: Final = self._joint(base[:, None])
        self.mean: Final = float(self._whole.mean.mean())
        self.familiar: Final = familiar_share(evidence, base)
        self.widened: Final = widening(posterior, self.familiar, evidence.trained)

    def main_effect(self, factor: FactorSetting) -> Effect:
        """Return the main effect of a factor."""
        means = self._joint(factor.set(self._base[:_ALONE]))
        centred = means.projected(_centring(factor.weights))
        return Effect(
            factor=factor.name,
            values=factor.values,
            means=tuple(centred.mean.tolist()),
            errors=tuple((self.widened * centred.errors).tolist()),
            macs=tuple(means.macs.tolist()),
            trained=tuple(self._trained(factor)),
            share=self._share(centred, factor.weights),
        )

    def joint_effect(
        self, first: FactorSetting, second: FactorSetting, *, shared: bool = True
    ) -> JointEffect:
        """Return the joint effect of two factors.

        Args:
            first: One factor.
            second: Another factor, of other parameters.
            shared: Whether to compute its share of the variance, which factors of many parameters have not.
        """
        shape = (len(first.levels), len(second.levels))
        rows = first.set(self._base[:_PAIRED]).reshape(-1, self._base.shape[1])
        grid = second.set(rows).reshape(shape[1], shape[0], _PAIRED, -1).swapaxes(0, 1)
        means = self._joint(grid.reshape(shape[0] * shape[1], _PAIRED, -1))
        weights = np.outer(first.weights, second.weights).ravel()
        both = means.projected(_centring(weights))
        apart = np.kron(_centring(first.weights), _centring(second.weights))
        beyond = means.projected(apart.astype(np.float64))
        return JointEffect(
            factors=(first.name, second.name),
            values=(first.values, second.values),
            means=_nested(both.mean, shape),
            errors=_nested(self.widened * both.errors, shape),
            macs=_nested(means.macs, shape),
            share=self._share(beyond, weights) if shared else None,
        )

    def strongest_pairs(
        self, pairs: list[tuple[FactorSetting, FactorSetting]], most: int
    ) -> list[tuple[FactorSetting, FactorSetting]]:
        """Return the pairs that may have the largest interactions.

        The interaction of a pair is bounded by the total effect minus the first-order effect of either
        factor, by Jansen's estimator (Jansen, 1999,
        https://doi.org/10.1016/S0010-4655(98)00154-4).
        """
        if len(pairs) <= most:
            return pairs
        here = self._expected(self._base)
        factors = {factor.name: factor for pair in pairs for factor in pair}
        beyond: dict[str, float] = {}
        for name, factor in factors.items():
            moved = self._base.copy()
            moved[:, factor.columns] = self._rng.permutation(moved[:, factor.columns])
            total = float(((self._expected(moved) - here) ** 2).mean() / 2)
            first = self._expected(factor.set(self._base[:_PAIRED]).reshape(-1, self._base.shape[1]))
            means = first.reshape(len(factor.levels), -1).mean(axis=1)
            beyond[name] = total - float(factor.weights @ (means - factor.weights @ means) ** 2)
        ranked = sorted(pairs, key=lambda p: -min(beyond[p[0].name], beyond[p[1].name]))
        return ranked[:most]

    def _joint(self, groups: Floats) -> Means:
        """Return the means over groups of points ``[k, m, d]``."""
        k, m, d = groups.shape
        rows = self._evidence.canonical(groups.reshape(k * m, d))
        points = inputs(self._evidence.region, rows)
        with torch.no_grad():
            _, _, mean, within, across = self._posterior.of(self._points, points)
        covariance = within.numpy().reshape(k, m, k, m).mean(axis=(1, 3))
        with_base = across.numpy().reshape(-1, k, m).mean(axis=2).T
        macs = np.exp(np.log(self._evidence.macs(rows)).reshape(k, m).mean(axis=1))
        return Means(mean.numpy().reshape(k, m).mean(axis=1), covariance, with_base, macs)

    def _expected(self, rows: Rows) -> Floats:
        region = self._evidence.region
        return self._posterior.predict(inputs(region, self._evidence.canonical(rows)))[0]

    def _share(self, centred: Means, weights: Floats) -> Share:
        """Return the share of the variance that centred means explain.

        Means and total variance are of the same draws of the function. The draws' errors add to the total
        what may be none of the function's, so the interval also covers shares of the expected function.
        """
        whole, n = self._whole, len(self._whole.mean)
        mean = np.concatenate([whole.mean, centred.mean])
        covariance = np.block([[whole.covariance, centred.across.T], [centred.across, centred.covariance]])
        zeros = np.zeros(len(mean))
        drawn = self._rng.multivariate_normal(zeros, covariance, _DRAWS, check_valid="ignore", method="eigh")
        near, wide = mean + drawn, mean + self.widened * drawn
        # The base points are a sample too, of which a few bad networks may make much of the variance.
        again = self._rng.integers(n, size=(_DRAWS, n))
        totals = (np.take_along_axis(wide[:, :n], again, axis=1), whole.mean[again])
        ends = [(1 - self._level) / 2, (1 + self._level) / 2]
        bounds = np.array(
            [
                np.quantile(_shares(f[:, n:], weights, total.var(axis=1)), ends)
                for f, total in zip((wide, near), totals, strict=True)
            ]
        )
        low, high = float(bounds[:, 0].min()), float(bounds[:, 1].max())
        if self._may_be_none(centred):
            low = 0.0
        expected = float(_shares(near[:, n:], weights, near[:, :n].var(axis=1)).mean())
        return Share(mean=min(max(expected, low), high), low=low, high=high, identified=high - low <= _KNOWN)

    def _may_be_none(self, centred: Means) -> bool:
        """Return whether means of 0 are within the joint interval: squares alone never would say so."""
        values, vectors = np.linalg.eigh(centred.covariance)
        kept = values > 1e-9 * max(float(values.max()), 1e-300)
        along = vectors[:, kept].T @ centred.mean
        distance = float((along**2 / values[kept]).sum()) / self.widened**2
        return distance <= float(chi2.ppf(self._level, max(int(kept.sum()), 1)))

    def _trained(self, factor: FactorSetting) -> list[int]:
        rows = self._evidence.rows[self._evidence.last]
        rows = rows[factor.active(rows, self._evidence.canonical)]
        counts: list[int] = np.bincount(factor.nearest(rows), minlength=len(factor.levels)).tolist()
        return counts


def _shares(means: Floats, weights: Floats, total: Floats) -> Floats:
    """Return the share that centred means ``[draws, k]`` are of a total variance, at most 1."""
    return np.clip(means**2 @ weights / np.maximum(total, 1e-18), 0.0, 1.0)


def by_place(kind: str, effects: list[Effect]) -> JointEffect:
    """Return the main effects of one kind of choice, one per stage, as one map."""
    names = [effect.factor for effect in effects]
    return JointEffect(
        factors=(place_of(names[0]), kind),
        values=(tuple(map(number_of, names)), effects[0].values),
        means=tuple(effect.means for effect in effects),
        errors=tuple(effect.errors for effect in effects),
        macs=tuple(effect.macs for effect in effects),
        share=None,
    )


def _centring(weights: Floats) -> Floats:
    """Return the matrix that subtracts the weighted mean, ``[k, k]``."""
    return np.asarray(np.eye(len(weights)) - np.outer(np.ones(len(weights)), weights))


def _nested(flat: Floats, shape: tuple[int, int]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(x) for x in line) for line in flat.reshape(shape))
