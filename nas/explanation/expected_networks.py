"""Finds the networks that a study lets expect best within other budgets, without training any."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import optuna

from dashboards.expectation import Expectations, ExpectedNetwork
from dashboards.explanation import Comparison
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.scoring import inputs
from nas.explanation.best_settings import contenders, extrapolation_of
from nas.explanation.evidence import Evidence, Floats, of_studies
from nas.explanation.model_comparison import compared
from nas.study.study import images_of, settings_of, space_of
from nas.surrogates.factor_gp import Posterior
from nas.surrogates.torch_threads import torch_threads
from search_spaces.budget import Budget
from search_spaces.costs import cost_names
from search_spaces.errors import InvalidValueError, StudyError
from search_spaces.pricing import prices

_Z: Final = 1.645  # standard deviations of a 90 % interval


def expected_best(
    evidence: Evidence, posterior: Posterior, region: Region, count: int, rng: np.random.Generator
) -> tuple[Rows, Floats, Floats]:
    """Return the feasible networks with the highest expected values, best first, their means and deviations.

    The deviation is the posterior's, or larger where the networks of the study lie farther from what the
    others let expect than it says (`tests/benchmarks/results/expected_networks.md`).

    Args:
        evidence: Trained networks.
        posterior: Posterior of the surrogate given their values.
        region: Networks within the budgets.
        count: Most networks to return.
        rng: Generator of the networks that are looked at.
    """
    rows = contenders(evidence, posterior, region, rng)
    mean, deviation = posterior.predict(inputs(evidence.region, rows))
    best = np.argsort(-mean, kind="stable")[:count]
    return rows[best], mean[best], deviation[best] * max(1.0, posterior.left_out_error)


def expectations_of(
    studies: Sequence[optuna.Study], budgets: Sequence[Sequence[Budget]], *, count: int, seed: int = 0
) -> Expectations:
    """Return the networks that studies let expect best within budgets.

    Args:
        studies: Studies of nas search whose values compare, see `nas.explanation.evidence.of_studies`.
        budgets: Combinations of budgets; the networks within each meet all of it.
        count: Most networks within each combination.
        seed: Seed of all generators, at least 0.

    Raises:
        InvalidValueError: if a budget is known only after measuring.
        StudyError: if too few networks have been trained, or they do not let expect anything.
        NothingFitsError: if no network of the space is within a combination.
    """
    for budget in (budget for combined in budgets for budget in combined if not budget.counted):
        raise InvalidValueError(
            f"Cannot expect networks within {budget}: it has to be measured. Expected budgets of counted "
            f"costs, for example 100M-MACs."
        )
    evidence = of_studies(studies)
    for combined in budgets:
        evidence.within(combined)  # raises before anything slow if nothing fits
    with torch_threads(1):
        comparison = compared(evidence, np.random.default_rng([seed, 2]))
    if not comparison.explains:
        raise StudyError(
            f"The networks of '{evidence.study}' do not let expect anything of other networks: they "
            f"are predicted no better than by their mean. Train more networks, or for longer."
        )
    return expected_within(studies[0], evidence, budgets, comparison, count, seed=seed)


def expected_within(
    study: optuna.Study,
    evidence: Evidence,
    budgets: Sequence[Sequence[Budget]],
    comparison: Comparison,
    count: int,
    *,
    seed: int,
) -> Expectations:
    """Return the networks that the evidence of a study lets expect best; see `expectations_of`."""
    settings, rng = settings_of(study), np.random.default_rng([seed, 3])
    with torch_threads(1):
        posterior = evidence.fitted()
        found = [
            network
            for combined in budgets
            for network in _within(study, evidence, posterior, combined, count, rng)
        ]
    return Expectations(
        study=evidence.study,
        space=evidence.space,
        data=settings.data,
        recipe=str(settings.recipe["name"]),
        metric=settings.metric,
        trained=evidence.trained,
        verdict=comparison.verdict,
        networks=tuple(found),
    )


def _within(
    study: optuna.Study,
    evidence: Evidence,
    posterior: Posterior,
    budgets: Sequence[Budget],
    count: int,
    rng: np.random.Generator,
) -> list[ExpectedNetwork]:
    space, images = space_of(study), images_of(study)
    table = prices(space.codes, num_classes=len(images["classes"]), in_channels=images["channels"])
    rows, mean, deviation = expected_best(evidence, posterior, evidence.within(budgets), count, rng)
    codes = space.codes.of(evidence.region.points(rows))
    trained = {row.tobytes(): int(trial) for row, trial in zip(evidence.rows, evidence.trials, strict=True)}
    origins = [_origin(evidence, trained.get(row.tobytes())) for row in rows]
    warning = extrapolation_of(evidence, rows)
    return [
        ExpectedNetwork(
            budget=" and ".join(map(str, budgets)),
            architecture=space.codes.at(code),
            costs={name: getattr(costs, name) for name in cost_names()},
            mean=_share(mean[i]),
            low=_share(mean[i] - _Z * deviation[i]),
            high=_share(mean[i] + _Z * deviation[i]),
            trial=origins[i][1],
            study=origins[i][0],
            warning=warning,
        )
        for i, (code, costs) in enumerate(zip(codes, table.costs(codes), strict=True))
    ]


def _origin(evidence: Evidence, trial: int | None) -> tuple[str | None, int | None]:
    """Return the study and the number of a trial in it; no study where there is only one."""
    return (None, trial) if trial is None else evidence.origins.get(trial, (None, trial))


def _share(value: float) -> float:
    return round(float(min(max(value, 0.0), 1.0)), 6)
