"""Evidence of an explanation: trained networks of a study, its surrogate and the costs of networks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import TrialState

from nas.bayesopt.deployed_values import values_as_deployed
from nas.bayesopt.feasible_region import Region, region_of
from nas.bayesopt.grid import Rows
from nas.bayesopt.history import Histories
from nas.bayesopt.region_surrogate import surrogate_of
from nas.bayesopt.scoring import inputs
from nas.bayesopt.space_problem import problem_of
from nas.study.int8_values import int8_drop
from nas.study.study import images_of, settings_of, space_of
from nas.surrogates.factor_gp import FactorGP, Inputs, Posterior
from search_spaces.budget import Budget
from search_spaces.errors import StudyError
from search_spaces.pricing import prices
from search_spaces.sampling import check_satisfiable

LEAST: Final = 10
"""Least number of trained networks of an explanation."""

LOWEST: Final = 100.0
"""Median deviations below the median from which a value is clipped.

A search has few bad networks, and those are what shows that a factor matters; see
`nas.surrogates.factor_gp.OUTLYING` for the search itself.
"""

_COMPARABLE: Final = ("budgets", "sampler", "seed", "learn_from", "evaluator", "supernet")  # may differ
_STEPS: Final = 40  # maximum number of iterations of the fit

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Trained networks of one space.

    Attributes:
        study: Name of the study.
        space: Name of the space.
        budgets: Budgets of the study.
        region: Networks within the budgets.
        surrogate: Surrogate of the space.
        rows: Points with a value, ``[n, d]``; one with a learning curve has several rows.
        values: Observed values, higher is better, ``[n]``.
        fidelity: Share of a full training after which each value was observed, ``[n]``.
        trials: Number of the trial of each row, ``[n]``; of several studies, as `origins` has them.
        canonical: Function from points to canonical points, ``[n, d]``.
        macs: Function from points to the MACs of their networks, ``[n, d]`` to ``[n]``.
        within: Function from budgets to the feasible region; raises NothingFitsError if it is empty.
        origins: Study and number of its trial by number in `trials`, where these are of several studies.
        drops: What quantisation takes off each row's network, ``[n]``; NaN where it is not known. None if it
            is of no network.
    """

    study: str
    space: str
    budgets: tuple[Budget, ...]
    region: Region
    surrogate: FactorGP
    rows: Rows
    values: Floats
    fidelity: Floats
    trials: NDArray[np.int64]
    canonical: Callable[[Rows], Rows]
    macs: Callable[[Rows], Floats]
    within: Callable[[Sequence[Budget]], Region]
    origins: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    drops: Floats | None = None

    @property
    def trained(self) -> int:
        """Number of trained networks."""
        return len(np.unique(self.trials))

    @property
    def inputs(self) -> Inputs:
        """Inputs of the surrogate."""
        return inputs(self.region, self.rows, self.fidelity)

    @property
    def last(self) -> NDArray[np.int64]:
        """Index of the row of each network's longest training, ``[networks]``."""
        order = np.lexsort((self.fidelity, self.trials))
        ends = np.append(np.diff(self.trials[order]) != 0, True)
        return np.asarray(order[ends], dtype=np.int64)

    def of_drops(self) -> "Evidence | None":
        """Return the evidence whose values are what quantisation takes off; None if too few networks tell."""
        last = self.last
        known = last[:0] if self.drops is None else last[~np.isnan(self.drops[last])]
        if self.drops is None or len(known) < LEAST:
            return None
        rows, trials, values = self.rows[known], self.trials[known], self.drops[known]
        return replace(
            self, rows=rows, trials=trials, values=values, fidelity=np.ones(len(known)), drops=None
        )

    def fitted(self) -> Posterior:
        """Return the posterior of the surrogate given all values."""
        return self.surrogate.fitted(self.inputs, self.values, None, _STEPS, lowest=LOWEST)


def of_study(study: optuna.Study) -> Evidence:
    """Return the evidence of a study of nas search.

    Raises:
        StudyError: if too few networks have been trained; says how many are needed.
    """
    return of_studies([study])


def of_studies(studies: Sequence[optuna.Study]) -> Evidence:
    """Return the evidence of studies whose values compare: of one space, images, recipe and metric.

    Args:
        studies: One or several; budgets and region are those of the first.

    Raises:
        StudyError: if too few networks have been trained in all of them, or their values do not compare.
    """
    first = settings_of(studies[0])
    for other in studies[1:]:
        theirs = replace(
            first, **{name: getattr(settings_of(other), name) for name in _COMPARABLE}
        ).difference(settings_of(other))
        if theirs is not None:
            raise StudyError(
                f"The values of '{studies[0].study_name}' and '{other.study_name}' do not compare: {theirs}. "
                f"Expected studies of one space, images, recipe and metric. Leave one out."
            )
    found = pooled([_read(study) for study in studies])
    if found.trained < LEAST:
        raise StudyError(
            f"The study '{found.study}' has {found.trained} trained networks: expected at least {LEAST} "
            f"to explain them. Go on with the command that began it and --trials {LEAST} or more."
        )
    return found


def pooled(found: Sequence[Evidence]) -> Evidence:
    """Return the evidence of studies of one space as that of one; budgets and region are the first's."""
    first = found[0]
    if len(found) == 1:
        return first
    origins, trials = dict[int, tuple[str, int]](), list[NDArray[np.int64]]()
    for evidence in found:
        numbers, rows = np.unique(evidence.trials, return_inverse=True)
        trials.append(rows + len(origins))
        origins |= {len(origins) + i: (evidence.study, int(n)) for i, n in enumerate(numbers)}
    return replace(
        first,
        study=" and ".join(evidence.study for evidence in found),
        rows=np.concatenate([evidence.rows for evidence in found]),
        values=np.concatenate([evidence.values for evidence in found]),
        fidelity=np.concatenate([evidence.fidelity for evidence in found]),
        trials=np.concatenate(trials).astype(np.int64),
        origins=origins,
        drops=np.concatenate([np.full(len(e.rows), np.nan) if e.drops is None else e.drops for e in found]),
    )


def _read(study: optuna.Study) -> Evidence:
    settings, images, space = settings_of(study), images_of(study), space_of(study)
    table = prices(space.codes, num_classes=len(images["classes"]), in_channels=images["channels"])

    def within(budgets: Sequence[Budget]) -> Region:
        check_satisfiable(table, budgets)
        return region_of(problem_of(table, budgets, seed=settings.seed))

    def macs(rows: Rows) -> Floats:
        codes = space.codes.of(region.points(rows))
        return table.of(codes, "macs").astype(np.float64)

    def canonical(rows: Rows) -> Rows:
        return region.grid.encode([space.codes.slots(row) for row in space.codes.of(region.points(rows))])

    region = within(settings.budgets)
    return of_trials(study, region, canonical, macs, within, settings.seed, settings.budgets, space.name)


def of_trials(
    study: optuna.Study,
    region: Region,
    canonical: Callable[[Rows], Rows],
    macs: Callable[[Rows], Floats],
    within: Callable[[Sequence[Budget]], Region],
    seed: int,
    budgets: tuple[Budget, ...],
    space: str,
) -> Evidence:
    """Return the evidence of the trials of any study with one objective."""
    nobody = optuna.trial.create_trial(state=TrialState.RUNNING)
    history, surrogate = Histories(region, drop_of=int8_drop).read(study, nobody), surrogate_of(region, seed)
    return Evidence(
        study=study.study_name,
        space=space,
        budgets=budgets,
        region=region,
        surrogate=surrogate,
        rows=history.rows,
        values=values_as_deployed(history, region, lambda: surrogate),
        fidelity=history.fidelity,
        trials=history.trials,
        canonical=canonical,
        macs=macs,
        within=within,
        drops=history.drops,
    )
