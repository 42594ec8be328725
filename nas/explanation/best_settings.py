"""Rules: the best setting of each factor within a budget, how sure that is, and what it rests on.

Which network is the best is not known; the posterior says how probably each one is. The rules together are
the network that it expects most of, for example at a resolution of 200, and the best networks in draws from
it say how sure each setting is: ± 12.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from dashboards.explanation import Rule
from nas.bayesopt.acquisition_optimizer import best_point
from nas.bayesopt.feasible_region import Region, distinct
from nas.bayesopt.grid import Rows
from nas.bayesopt.scoring import inputs
from nas.explanation.evidence import Evidence, Floats
from nas.explanation.factor_levels import FactorSetting
from nas.surrogates.factor_gp import Posterior
from search_spaces.budget import Budget

_DRAWN: Final = 2000  # networks within the budget
_CONTENDERS: Final = 400  # among which the best one is
_DRAWS: Final = 512  # of the posterior
_SCORED: Final = 20_000  # points in one call at most
_SURE: Final = 0.5  # of the way from chance to certainty, below which a name is no rule
_SPREAD: Final = 0.2  # of the whole scale, above which a number is no rule
_SCALE: Final = 5  # numbers from which their mean is worth telling; of fewer, the most probable one is
_FEW: Final = 3  # trained networks below which a value was hardly tried


def best_settings(
    evidence: Evidence,
    posterior: Posterior,
    budgets: Sequence[Budget],
    levers: Sequence[FactorSetting],
    rng: np.random.Generator,
) -> list[Rule]:
    """Return the rule for each lever within the budgets, together.

    Raises:
        NothingFitsError: if no network of the space fits.
    """
    region = evidence.within(budgets)
    rows = _contenders(evidence, posterior, region, rng)
    expected = int(posterior.predict(inputs(evidence.region, rows))[0].argmax())
    values = _drawn(evidence, posterior, rows, rng)
    far = _beyond_the_evidence(evidence, rows)
    name = " and ".join(map(str, budgets)) or "no budget"
    return [_rule(name, lever, rows, expected, values, evidence, far) for lever in levers]


def _contenders(evidence: Evidence, posterior: Posterior, region: Region, rng: np.random.Generator) -> Rows:
    """Return networks within the budget of which one may be the best, ``[c, d]``."""

    def hopes(rows: Rows, optimism: float = 1.0) -> Floats:
        mean, spread = posterior.predict(inputs(evidence.region, rows))
        return np.asarray(mean + optimism * spread)

    own = evidence.rows[region.fits(evidence.rows)]
    parents = own[np.argsort(-evidence.values[region.fits(evidence.rows)], kind="stable")][:12]
    nobody = frozenset[bytes]()
    tops = [
        best_point(rng, region, lambda r, z=z: hopes(r, z), parents, nobody, _SCORED)  # type: ignore[misc]
        for z in (0.0, 0.5, 1.0)
    ]
    near = region.canonical(np.concatenate([region.grid.neighbours(rng, top[0]) for top in tops]))
    drawn = region.draw(rng, _DRAWN)
    pool = distinct(np.concatenate([*tops, near[region.fits(near)], drawn]))
    kept = np.argsort(-hopes(pool), kind="stable")[:_CONTENDERS]
    return distinct(np.concatenate([*tops, pool[kept]]))


def _drawn(evidence: Evidence, posterior: Posterior, rows: Rows, rng: np.random.Generator) -> Floats:
    """Return draws of the true accuracies of `rows`, ``[draws, c]``."""
    points = inputs(evidence.region, rows)
    with torch.no_grad():
        _, _, mean, within, _ = posterior.of(points[:0], points)
    return rng.multivariate_normal(mean.numpy(), within.numpy(), _DRAWS, check_valid="ignore", method="eigh")


def _beyond_the_evidence(evidence: Evidence, rows: Rows) -> str | None:
    """Return in words how far the contenders' MACs are from those of trained networks, if they are."""
    trained, asked = evidence.macs(evidence.rows), float(np.median(evidence.macs(rows)))
    if asked > 1.25 * trained.max():
        return f"no trained network is larger than {trained.max() / asked:.0%} of those within this budget"
    if asked < 0.8 * trained.min():
        return f"the smallest trained network is {trained.min() / asked:.1f} times those within this budget"
    return None


def _rule(
    budget: str,
    lever: FactorSetting,
    rows: Rows,
    expected: int,
    values: Floats,
    evidence: Evidence,
    far: str | None,
) -> Rule:
    """Return the rule for one lever.

    Args:
        budget: As written.
        lever: What is set.
        rows: Networks of which one is the best, ``[c, d]``.
        expected: The one of them that most is expected of.
        values: Draws of what they reach, ``[draws, c]``.
        evidence: What it rests on.
        far: Why nothing within this budget is supported, in words, or None.
    """
    level = lever.nearest(rows)
    winners = values.argmax(axis=1)
    shares = np.bincount(level[winners], minlength=len(lever.levels)) / len(winners)
    here = int(level[expected])
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in lever.values)
    value, spread = lever.values[here], None
    if numeric and len(lever.values) >= _SCALE:
        column = evidence.region.grid.columns[lever.columns[0]]
        scale = np.asarray(column.values(rows[:, lever.columns[0]]), dtype=np.float64)
        value = float(scale[expected])
        spread = float(np.sqrt(((scale[winners] - value) ** 2).mean()))
    trained = int((lever.nearest(evidence.rows[evidence.last]) == here).sum())
    gains = _gains(level == here, values)
    return Rule(
        budget=budget,
        factor=lever.name,
        value=value,
        spread=spread,
        probability=float(shares[here]),
        trained=trained,
        gain=float(gains.mean()),
        warning=far or _doubt(lever, here, shares, spread, trained, numeric=numeric),
    )


def _gains(having: NDArray[np.bool_], values: Floats) -> Floats:
    """Return by how much the best network having a value exceeds the best without it, ``[draws]``."""
    if having.all() or not having.any():
        return np.zeros(len(values))
    return np.asarray(values[:, having].max(axis=1) - values[:, ~having].max(axis=1))


def _doubt(
    lever: FactorSetting, here: int, shares: Floats, spread: float | None, trained: int, *, numeric: bool
) -> str | None:
    """Return why the data do not support the value at a level, in words; None where they do."""
    if trained < _FEW and spread is None:
        return f"only {trained} trained networks have it" if trained != 1 else "one trained network has it"
    chance = 1 / len(shares)
    sure = bool(shares[here] >= chance + _SURE * (1 - chance))
    if numeric and len(lever.values) > 2 and here in {0, len(lever.values) - 1} and sure:
        return "it lies at the end of the scale: the best may lie beyond"
    if spread is not None and not sure:
        scale = [float(v) for v in lever.values]
        sure = spread <= _SPREAD * (max(scale) - min(scale))
    return None if sure else "the data leave it open"
