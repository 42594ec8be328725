"""Finds the best setting of each factor within a budget, its probability and its evidence (rules).

The best network is unknown; the posterior gives the probability of each network to be the best. The rules
together are the network with the highest predicted mean, for example at a resolution of 200; the best
networks in draws from the posterior give the uncertainty of each setting: ± 12.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from dashboards.explanation import Rule
from nas.bayesopt.acquisition_optimizer import best_points
from nas.bayesopt.feasible_region import Region, distinct
from nas.bayesopt.grid import Rows
from nas.bayesopt.scoring import inputs
from nas.explanation.evidence import Evidence, Floats
from nas.explanation.factor_levels import FactorSetting
from nas.surrogates.factor_gp import Posterior
from search_spaces.budget import Budget

_DRAWN: Final = 2000  # networks drawn within the budget
_CONTENDERS: Final = 400  # networks that may be the best one
_DRAWS: Final = 512  # draws of the posterior
_SCORED: Final = 20_000  # maximum number of points scored in one call
_SURE: Final = 0.5  # share of the way from chance to certainty below which a category is no rule
_SPREAD: Final = 0.2  # share of the scale above which the deviation of a number is too large for a rule
_SCALE: Final = 5  # number of values from which a rule has a mean and deviation instead of a probability
_FEW: Final = 3  # number of trained networks below which a value has too little evidence


def best_settings(
    evidence: Evidence,
    posterior: Posterior,
    budgets: Sequence[Budget],
    factors: Sequence[FactorSetting],
    rng: np.random.Generator,
) -> list[Rule]:
    """Return a rule for each factor within all budgets together.

    Raises:
        NothingFitsError: if no network of the space is feasible.
    """
    region = evidence.within(budgets)
    rows = contenders(evidence, posterior, region, rng)
    expected = int(posterior.predict(inputs(evidence.region, rows))[0].argmax())
    values = _drawn(evidence, posterior, rows, rng)
    extrapolation = extrapolation_of(evidence, rows)
    name = " and ".join(map(str, budgets)) or "no budget"
    return [_rule(name, factor, rows, expected, values, evidence, extrapolation) for factor in factors]


def contenders(evidence: Evidence, posterior: Posterior, region: Region, rng: np.random.Generator) -> Rows:
    """Return networks within the budget that may be the best one, ``[c, d]``."""

    def upper_bound(rows: Rows, deviations: float = 1.0) -> Floats:
        mean, std = posterior.predict(inputs(evidence.region, rows))
        return np.asarray(mean + deviations * std)

    own = evidence.rows[region.fits(evidence.rows)]
    parents = own[np.argsort(-evidence.values[region.fits(evidence.rows)], kind="stable")][:12]
    nobody = frozenset[bytes]()
    tops = [
        best_points(rng, region, lambda r, z=z: upper_bound(r, z), parents, nobody, _SCORED)  # type: ignore[misc]
        for z in (0.0, 0.5, 1.0)
    ]
    near = region.canonical(np.concatenate([region.grid.neighbours(rng, top[0]) for top in tops]))
    drawn = region.draw(rng, _DRAWN)
    pool = distinct(np.concatenate([*tops, near[region.fits(near)], drawn]))
    kept = np.argsort(-upper_bound(pool), kind="stable")[:_CONTENDERS]
    return distinct(np.concatenate([*tops, pool[kept]]))


def _drawn(evidence: Evidence, posterior: Posterior, rows: Rows, rng: np.random.Generator) -> Floats:
    """Return draws of the true accuracies of `rows`, ``[draws, c]``."""
    points = inputs(evidence.region, rows)
    with torch.no_grad():
        _, _, mean, within, _ = posterior.of(points[:0], points)
    return rng.multivariate_normal(mean.numpy(), within.numpy(), _DRAWS, check_valid="ignore", method="eigh")


def extrapolation_of(evidence: Evidence, rows: Rows) -> str | None:
    """Return how far the contenders' MACs lie beyond those of trained networks, in words; None if within."""
    trained, asked = evidence.macs(evidence.rows), float(np.median(evidence.macs(rows)))
    if asked > 1.25 * trained.max():
        return f"no trained network is larger than {trained.max() / asked:.0%} of those within this budget"
    if asked < 0.8 * trained.min():
        return f"the smallest trained network is {trained.min() / asked:.1f} times those within this budget"
    return None


def _rule(
    budget: str,
    factor: FactorSetting,
    rows: Rows,
    expected: int,
    values: Floats,
    evidence: Evidence,
    extrapolation: str | None,
) -> Rule:
    """Return the rule for one factor.

    Args:
        budget: Text of the budgets.
        factor: Factor and its levels.
        rows: Networks that may be the best one, ``[c, d]``.
        expected: Index of the network with the highest predicted mean.
        values: Draws of their accuracies, ``[draws, c]``.
        evidence: Trained networks.
        extrapolation: Reason why no rule within this budget is supported, in words, or None.
    """
    level = factor.nearest(rows)
    winners = values.argmax(axis=1)
    shares = np.bincount(level[winners], minlength=len(factor.levels)) / len(winners)
    here = int(level[expected])
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in factor.values)
    value, deviation = factor.values[here], None
    if numeric and len(factor.values) >= _SCALE:
        column = evidence.region.grid.columns[factor.columns[0]]
        scale = np.asarray(column.values(rows[:, factor.columns[0]]), dtype=np.float64)
        value = float(scale[expected])
        deviation = float(np.sqrt(((scale[winners] - value) ** 2).mean()))
    trained = int((factor.nearest(evidence.rows[evidence.last]) == here).sum())
    gains = _gains(level == here, values)
    return Rule(
        budget=budget,
        factor=factor.name,
        value=value,
        spread=deviation,
        probability=float(shares[here]),
        trained=trained,
        gain=float(gains.mean()),
        warning=extrapolation or _doubt(factor, here, shares, deviation, trained, numeric=numeric),
    )


def _gains(having: NDArray[np.bool_], values: Floats) -> Floats:
    """Return the difference between the best network with a value and the best without, ``[draws]``."""
    if having.all() or not having.any():
        return np.zeros(len(values))
    return np.asarray(values[:, having].max(axis=1) - values[:, ~having].max(axis=1))


def _doubt(
    factor: FactorSetting, here: int, shares: Floats, deviation: float | None, trained: int, *, numeric: bool
) -> str | None:
    """Return why the data do not support the value at a level, in words; None if they do."""
    if trained < _FEW and deviation is None:
        return f"only {trained} trained networks have it" if trained != 1 else "one trained network has it"
    chance = 1 / len(shares)
    sure = bool(shares[here] >= chance + _SURE * (1 - chance))
    if numeric and len(factor.values) > 2 and here in {0, len(factor.values) - 1} and sure:
        return "it lies at the end of the scale: the best may lie beyond"
    if deviation is not None and not sure:
        scale = [float(v) for v in factor.values]
        sure = deviation <= _SPREAD * (max(scale) - min(scale))
    return None if sure else "the data leave it open"
