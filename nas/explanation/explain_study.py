"""Explains a study: which factors matter, and which settings are best within a budget, with uncertainty."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import optuna

from dashboards.expectation import write_csv
from dashboards.explanation import Effect, Explanation, JointEffect
from dashboards.figures import expected_front, factor_effects, joint_effects
from nas.explanation.best_settings import best_settings
from nas.explanation.effects import Effects, by_place
from nas.explanation.evidence import Evidence, of_study
from nas.explanation.expected_networks import expected_within
from nas.explanation.factor_levels import (
    factor_settings,
    independent,
    kind_of,
    kinds,
    numbered,
    together,
)
from nas.explanation.model_comparison import compared
from nas.explanation.source_trust import source_trusts
from nas.study.earlier_studies import evidence_of
from nas.study.study import settings_of
from nas.surrogates.torch_threads import torch_threads
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError

_BASE: Final = 256  # networks over which variances are computed
_LEVELS: Final = 17  # maximum number of levels of one factor
_PAIR_LEVELS: Final = 7  # maximum number of levels of each factor of a pair
_PAIRS: Final = 12  # maximum number of computed pairs besides those of global factors
_KINDS: Final = 3  # maximum number of maps of kinds of choices
_EXPECTED: Final = 3  # networks expected best within each budget


def explain_study(study: optuna.Study, budgets: Sequence[Budget] = (), *, seed: int = 0) -> Explanation:
    """Return the explanation of the accuracies of a study's networks.

    Args:
        study: Study of nas search.
        budgets: Budgets within each of which rules are found; if empty, within all budgets of the study.
            Those that have to be measured are left out and named in the explanation.
        seed: Seed of all generators, at least 0.

    Raises:
        StudyError: if too few networks have been trained; says how many are needed.
        InvalidValueError: if budgets are given, all of which have to be measured.
        NothingFitsError: if no network of the space is within a budget.
    """
    asked = [budget for budget in budgets if budget.counted]
    if budgets and not asked:
        raise InvalidValueError(
            f"Cannot explain within {budgets[0]}: it has to be measured. Expected budgets of counted costs, "
            f"for example 100M-MACs."
        )
    evidence = of_study(study)
    found = explain(evidence, [[budget] for budget in asked] or [evidence.budgets], seed=seed)
    settings, rng = settings_of(study), np.random.default_rng(np.random.SeedSequence([seed, 1]))
    with torch_threads(1):
        sources = source_trusts(evidence, evidence_of(study), rng, seed=settings.seed)
    drops = drop_effects(evidence, seed=seed)
    expected = None
    if asked and found.comparison.explains:
        alone = [[budget] for budget in asked]
        expected = expected_within(study, evidence, alone, found.comparison, _EXPECTED, seed=seed)
    return replace(
        found,
        metric=settings.metric,
        sources=sources,
        expected=expected,
        drops=drops,
        unconsidered=tuple(str(budget) for budget in budgets or evidence.budgets if not budget.counted),
    )


def explain(evidence: Evidence, budgets: Sequence[Sequence[Budget]], *, seed: int = 0) -> Explanation:
    """Return the explanation of trained networks; see `explain_study`.

    Args:
        evidence: Trained networks.
        budgets: Combinations of budgets within each of which rules are found.
        seed: Seed of all generators, at least 0.
    """
    with torch_threads(1):
        return _explained(evidence, budgets, np.random.default_rng(np.random.SeedSequence([seed])))


def drop_effects(evidence: Evidence, *, seed: int = 0) -> tuple[Effect, ...]:
    """Return the main effects of factors on what int8 costs, the largest share first.

    Args:
        evidence: Trained networks; of too few that were valued in int8 nothing is said.
        seed: Seed of all generators, at least 0.
    """
    dropped = evidence.of_drops()
    if dropped is None:
        return ()
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    with torch_threads(1):
        base = independent(rng, dropped.region, _BASE)
        effects = Effects(dropped, dropped.fitted(), base, rng)
        found = [effects.main_effect(factor) for factor in factor_settings(dropped.region, base, _LEVELS)]
    return tuple(sorted(found, key=lambda effect: -effect.share.mean))


def write_figures(explanation: Explanation, folder: Path) -> None:
    """Write ``explanation.json`` and the figures into an existing folder.

    These are ``factor_effects.html`` and ``joint_effects.html``; where budgets were asked for, the networks
    expected best within each are ``expected_front.csv`` and ``expected_front.html``.
    """
    (folder / "explanation.json").write_text(json.dumps(explanation.to_json(), indent=2) + "\n")
    for figure in (factor_effects, joint_effects):
        name = figure.__name__.rpartition(".")[2]
        figure.draw(explanation).write_html(folder / f"{name}.html", include_plotlyjs=True)
    if explanation.expected is not None and (drawn := expected_front.draw(explanation)) is not None:
        drawn.write_html(folder / "expected_front.html", include_plotlyjs=True)
        with (folder / "expected_front.csv").open("w", encoding="utf-8", newline="") as file:
            write_csv(explanation.expected.networks, file)


def _explained(
    evidence: Evidence, budgets: Sequence[Sequence[Budget]], rng: np.random.Generator
) -> Explanation:
    for within in budgets:
        evidence.within(within)  # raises before anything slow if nothing fits
    posterior = evidence.fitted()
    base = independent(rng, evidence.region, _BASE)
    effects = Effects(evidence, posterior, base, rng)
    factors = factor_settings(evidence.region, base, _LEVELS)
    main = sorted((effects.main_effect(factor) for factor in factors), key=lambda e: -e.share.mean)
    order = {effect.factor: i for i, effect in enumerate(main)}
    ranked = sorted(factors, key=lambda factor: order[factor.name])
    pairs = _pairs(evidence, effects, base)
    explained = sum(e.share.mean for e in main) + sum(p.share.mean for p in pairs if p.share is not None)
    return Explanation(
        study=evidence.study,
        space=evidence.space,
        budgets=tuple(map(str, evidence.budgets)),
        trained=evidence.trained,
        accuracy=effects.mean,
        comparison=compared(evidence, rng),
        effects=tuple(main),
        joint_effects=(*pairs, *_maps(evidence, effects, base)),
        rules=tuple(rule for b in budgets for rule in best_settings(evidence, posterior, b, ranked, rng)),
        rest=max(0.0, 1.0 - explained),
        familiar=effects.familiar,
        widened=effects.widened,
    )


def _pairs(evidence: Evidence, effects: Effects, base: np.ndarray) -> list[JointEffect]:
    """Return the joint effects of global factors and of the other strongest pairs, strongest first."""
    coarse = factor_settings(evidence.region, base, _PAIR_LEVELS)
    every = list(itertools.combinations(coarse, 2))
    shared = [pair for pair in every if not any(numbered(factor.name) for factor in pair)]
    others = effects.strongest_pairs([pair for pair in every if pair not in shared], _PAIRS)
    found = [effects.joint_effect(*pair) for pair in (*shared, *others)]
    return sorted(found, key=lambda joint: -(joint.share.mean if joint.share is not None else 0.0))


def _maps(evidence: Evidence, effects: Effects, base: np.ndarray) -> list[JointEffect]:
    """Return the maps of kinds of choices: each kind by stage, then two kinds in all stages."""
    found = kinds(evidence.region, base, _PAIR_LEVELS)
    choice = {kind: kind_of(members[0].name) for kind, members in found.items()}
    pairs = [pair for pair in itertools.combinations(found, 2) if choice[pair[0]] != choice[pair[1]]]
    pairs.sort(key=lambda pair: {choice[kind] for kind in pair} != {"kernel", "dilation"})
    both = [
        effects.joint_effect(*(together(kind, found[kind]) for kind in pair), shared=False)
        for pair in pairs[:_KINDS]
    ]
    single = [
        by_place(kind, [effects.main_effect(member) for member in found[kind]])
        for kind in list(found)[:_KINDS]
    ]
    return [*single, *both]
