"""Finds the best setting of each factor within a budget, its probability and its evidence (rules).

The best network is unknown; the posterior gives the probability of each network to be the best. The rules
together are the network with the highest predicted mean, for example at a resolution of 200; the best
networks in draws from the posterior give the uncertainty of each setting: ± 12. A factor without effect in
that network, such as the kernel of attention, has no rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

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
_LIKELY: Final = 12  # networks with a value, the likeliest best ones, whose mean is the gain of the value
_FEW: Final = 3  # number of trained networks below which a value has too little evidence


@dataclass(frozen=True, eq=False)
class Candidates:
    """Networks within a budget that may be the best one.

    Attributes:
        budget: Texts of the counted budgets, joined by ``and``.
        region: Networks within it.
        rows: The networks, ``[c, d]``.
        mean: Their expected accuracies, ``[c]``.
        probability: Probability that each is the best one, ``[c]``.
        extrapolation: Reason why no rule within this budget is supported, in words, or None.
    """

    budget: str
    region: Region
    rows: Rows
    mean: Floats
    probability: Floats
    extrapolation: str | None

    @property
    def expected(self) -> int:
        """Index of the network with the highest expected accuracy."""
        return int(self.mean.argmax())


def best_settings(
    evidence: Evidence,
    posterior: Posterior,
    budgets: Sequence[Budget],
    factors: Sequence[FactorSetting],
    rng: np.random.Generator,
) -> list[Rule]:
    """Return a rule for each factor within all counted budgets together, those on latency are left out.

    Raises:
        NothingFitsError: if no network of the space is feasible.
    """
    region = evidence.within(budgets)
    rows = contenders(evidence, posterior, region, rng)
    found = Candidates(
        budget=" and ".join(str(budget) for budget in budgets if budget.counted) or "no budget",
        region=region,
        rows=rows,
        mean=posterior.predict(inputs(evidence.region, rows))[0],
        probability=_probabilities(evidence, posterior, rows, rng),
        extrapolation=extrapolation_of(evidence, rows),
    )
    best = rows[[found.expected]]
    active = [factor for factor in factors if factor.active(best, evidence.canonical)[0]]
    return [_rule(factor, found, evidence, posterior) for factor in active]


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


def _probabilities(evidence: Evidence, posterior: Posterior, rows: Rows, rng: np.random.Generator) -> Floats:
    """Return how often each network is the most accurate in draws of the posterior, ``[c]``, in sum 1."""
    points = inputs(evidence.region, rows)
    with torch.no_grad():
        _, _, mean, within, _ = posterior.of(points[:0], points)
    values = rng.multivariate_normal(
        mean.numpy(), within.numpy(), _DRAWS, check_valid="ignore", method="eigh"
    )
    return np.bincount(values.argmax(axis=1), minlength=len(rows)) / _DRAWS


def extrapolation_of(evidence: Evidence, rows: Rows) -> str | None:
    """Return how far the contenders' MACs lie beyond those of trained networks, in words; None if within."""
    trained, asked = evidence.macs(evidence.rows), float(np.median(evidence.macs(rows)))
    if asked > 1.25 * trained.max():
        return f"no trained network is larger than {trained.max() / asked:.0%} of those within this budget"
    if asked < 0.8 * trained.min():
        return f"the smallest trained network is {trained.min() / asked:.1f} times those within this budget"
    return None


def _rule(factor: FactorSetting, found: Candidates, evidence: Evidence, posterior: Posterior) -> Rule:
    """Return the rule for one factor that has an effect in the network expected best."""
    winners = np.flatnonzero(found.probability)
    winners = winners[factor.active(found.rows[winners], evidence.canonical)]
    weights = found.probability[winners]
    here = int(factor.nearest(found.rows[[found.expected]])[0])
    level = factor.nearest(found.rows[winners])
    shares = np.bincount(level, weights, minlength=len(factor.levels)).astype(np.float64)
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in factor.values)
    value, deviation = factor.values[here], None
    if numeric and len(factor.values) >= _SCALE:
        column = evidence.region.grid.columns[factor.columns[0]]
        scale = np.asarray(column.values(found.rows[:, factor.columns[0]]), dtype=np.float64)
        value = float(scale[found.expected])
        if weights.sum() > 0.5:
            squares = (scale[winners] - value) ** 2
            deviation = float(np.sqrt((weights * squares).sum() / weights.sum()))
    rows = evidence.rows[evidence.last]
    rows = rows[factor.nearest(rows) == here]
    trained = int(factor.active(rows, evidence.canonical).sum())
    doubt = _doubt(factor, here, shares, deviation, trained, numeric=numeric)
    return Rule(
        budget=found.budget,
        factor=factor.name,
        value=value,
        spread=deviation,
        probability=min(float(shares[here]), 1.0),
        trained=trained,
        gain=_gain(factor, here, found, evidence, posterior),
        warning=found.extrapolation or doubt,
    )


def _gain(
    factor: FactorSetting, here: int, found: Candidates, evidence: Evidence, posterior: Posterior
) -> float | None:
    """Return what a typical other level would cost the best network; None if none fits with another.

    The mean over the likeliest networks with the level, each set to every other level that fits, by how
    probable it is that the network is the best one.
    """
    weights = found.probability.copy()
    weights[found.expected] += 1 / _DRAWS  # it counts even if no draw has it as the best
    having = np.flatnonzero((factor.nearest(found.rows) == here) & (weights > 0))
    likely = having[np.argsort(-weights[having], kind="stable")][:_LIKELY]
    moved = factor.set(found.rows[likely]).reshape(-1, found.rows.shape[1])
    moved, origin = evidence.canonical(moved), np.tile(likely, len(factor.levels))
    kept = np.flatnonzero(factor.nearest(moved) != here)
    kept = kept[found.region.fits(moved[kept])]
    if not len(kept):
        return None
    mean = posterior.predict(inputs(evidence.region, moved[kept]))[0]
    return float(np.average(found.mean[origin[kept]] - mean, weights=weights[origin[kept]]))


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
