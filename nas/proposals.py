"""The next network to train: first those that a dead driver left running, then the sampler's."""

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from nas import record
from nas.problem import distribution_of
from nas.study import orphans
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import UserError
from search_spaces.pricing import Prices

_MOST_REPEATS = 20


class ExhaustedError(UserError):
    """A space whose fitting networks have all been tried."""


class Proposals:
    """Asks the study for networks that fit and that no other trial holds.

    Args:
        study: With the sampler that proposes.
        prices: The space with the costs of its networks.
        budgets: What networks may take.
    """

    def __init__(self, study: optuna.Study, prices: Prices, budgets: tuple[Budget, ...]) -> None:
        self._study = study
        self._prices = prices
        self._budgets = budgets
        self._distributions: dict[str, BaseDistribution] = {
            choice.name: distribution_of(choice) for choice in prices.space.choices
        }
        self._orphans = list(orphans(study))

    @property
    def left_running(self) -> int:
        """How many trials of a dead driver are still to be continued."""
        return len(self._orphans)

    def next(self) -> tuple[Trial, Architecture]:
        """Return a running trial and the network it is to train.

        Raises:
            ExhaustedError: if the sampler finds no network that has not been tried.
        """
        while self._orphans:
            found = self._continued(self._orphans.pop(0))
            if found is not None:
                return found
        for _ in range(_MOST_REPEATS):
            trial = self._study.ask(fixed_distributions=self._distributions)
            architecture = self._prices.space.architecture(trial.params)
            twin = self._twin(trial, architecture)
            if twin is None:
                self._describe(trial, architecture)
                return trial, architecture
            storage = self._study._storage  # noqa: SLF001 -- Optuna has no public way
            record.explain(storage, trial._trial_id, f"the same network as trial {twin}")  # noqa: SLF001
            self._study.tell(trial, state=TrialState.PRUNED)
        raise ExhaustedError(
            f"Every network of {self._prices.space.name} that the sampler finds within the budget has "
            f"been tried. Raise the budget or choose a larger space."
        )

    def _continued(self, orphan: FrozenTrial) -> tuple[Trial, Architecture] | None:
        """Return a trial left running; one that was never fully described failed before it began."""
        if not record.described(orphan):
            storage = self._study._storage  # noqa: SLF001
            record.explain(storage, orphan._trial_id, "interrupted before its training began")  # noqa: SLF001
            self._study.tell(orphan.number, state=TrialState.FAIL)
            return None
        architecture = Architecture.from_json(orphan.user_attrs[record.ARCHITECTURE])
        return Trial(self._study, orphan._trial_id), architecture  # noqa: SLF001

    def _describe(self, trial: Trial, architecture: Architecture) -> None:
        codes = self._prices.space.code_of(architecture)[None]
        excess = self._prices.excess(codes, self._budgets)[0]
        record.describe(trial, architecture, self._prices.costs(codes)[0], [float(e) for e in excess])

    def _twin(self, trial: Trial, architecture: Architecture) -> int | None:
        """Return the number of a trial that holds the same network, if any."""
        fingerprint = architecture.fingerprint
        for other in self._study.get_trials(deepcopy=False):
            same = other.user_attrs.get(record.FINGERPRINT) == fingerprint
            if same and other.number != trial.number and other.state != TrialState.FAIL:
                return other.number
        return None
