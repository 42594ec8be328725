"""Keeps what is expected of a search's networks up to date in its study, for the choice of the best."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from dashboards.result import TrialResult
from nas.bayesopt.deployed_values import values_as_deployed
from nas.bayesopt.feasible_region import Region, region_of
from nas.bayesopt.history import Histories
from nas.bayesopt.region_surrogate import surrogate_of
from nas.bayesopt.scoring import inputs
from nas.bayesopt.shrinkage import expected_shares
from nas.bayesopt.space_problem import problem_of
from nas.study import posterior, trial_attributes
from nas.study.int8_values import int8_drop
from nas.study.posterior import StoredPosterior, posterior_of
from nas.surrogates.factor_gp import FactorGP
from nas.surrogates.torch_threads import torch_threads
from search_spaces.budget import Budget
from search_spaces.pricing import Prices

_ALWAYS: Final = 32  # networks up to which each new one updates all; later each 10 % more do
_FITTED: Final = 8  # values from which factors correlate networks
_STEPS: Final = 40  # maximum number of iterations of the fit


class PosteriorUpdate:
    """Computes the posterior of the networks of one search, and stores it with its study.

    Args:
        study: Study of the search.
        prices: Its space with the costs of networks.
        budgets: Its budgets.
        seed: Its seed.
    """

    def __init__(self, study: optuna.Study, prices: Prices, budgets: Sequence[Budget], *, seed: int) -> None:
        self._study, self._prices, self._budgets, self._seed = study, prices, budgets, seed
        self._region: Region | None = None
        self._surrogate: FactorGP | None = None
        self._updated_at = 0

    def update(self, *, over: bool = False) -> None:
        """Store the posterior if networks were trained to the end since.

        Args:
            over: Whether it is stored after a single new network too, because the search is over.
        """
        trials = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        networks = [trial_attributes.network_of(t) for t in trials if trial_attributes.described(t)]
        usable = [n for n in networks if n.accuracy is not None and n.standard_error is not None]
        due = len(usable) <= _ALWAYS or len(usable) >= 1.1 * self._updated_at
        if not usable or not (due or over):
            return
        stored = posterior_of(self._study.user_attrs)
        if over and stored.line is not None and {n.trial for n in usable} == set(stored.values):
            return
        self._updated_at = len(usable)
        posterior.store(self._study, self._posterior(usable, trials))

    def _posterior(self, networks: list[TrialResult], trials: list[FrozenTrial]) -> StoredPosterior:
        correlation = self._correlation(networks) if len(trials) > 1 else None
        values = np.array([n.accuracy for n in networks], dtype=np.float64)
        errors = np.array([n.standard_error for n in networks], dtype=np.float64)
        means, deviations = expected_shares(values, errors, correlation)
        pairs = zip(means.tolist(), deviations.tolist(), strict=True)
        return StoredPosterior(
            {n.trial: pair for n, pair in zip(networks, pairs, strict=True)},
            _line(values, means, deviations),
        )

    def _correlation(self, networks: list[TrialResult]) -> NDArray[np.float64] | None:
        """Return the correlation of networks by their factors, ``[n, n]``; None where too few are known."""
        region, surrogate = self._model()
        nobody = optuna.trial.create_trial(state=TrialState.RUNNING)
        history = Histories(region, drop_of=int8_drop).read(self._study, nobody)
        rows = {int(n): row for n, row in zip(history.trials, history.rows, strict=True)}
        if len(history.values) < _FITTED or any(n.trial not in rows for n in networks):
            return None
        with torch_threads(1):
            seen = inputs(region, history.rows, history.fidelity)
            values = values_as_deployed(history, region, lambda: surrogate)
            fitted = surrogate.fitted(seen, values, None, _STEPS)
            return fitted.prior_correlation(inputs(region, np.stack([rows[n.trial] for n in networks])))

    def _model(self) -> tuple[Region, FactorGP]:
        if self._region is None or self._surrogate is None:
            self._region = region_of(problem_of(self._prices, self._budgets, seed=self._seed))
            self._surrogate = surrogate_of(self._region, self._seed)
        return self._region, self._surrogate


def _line(
    values: NDArray[np.float64], means: NDArray[np.float64], deviations: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the line of means over values, which shrinks them at most, and the largest deviation."""
    spread = float(values.var())
    slope = float(np.mean((values - values.mean()) * (means - means.mean()))) / spread if spread else 1.0
    slope = min(max(slope, 0.0), 1.0)
    return slope, float(means.mean() - slope * values.mean()), float(deviations.max())
