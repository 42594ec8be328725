"""The next network to train: first those that a dead driver left running, then the sampler's."""

from collections.abc import Callable, Sequence

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from nas import record
from nas.latency_check import LatencyCheck, StoppedError
from nas.problem import distribution_of
from nas.study import orphans
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import NothingFitsError, TargetError, UserError
from search_spaces.pricing import Prices

_MOST_REPEATS = 20
_MOST_MISSES = 200


class ExhaustedError(UserError):
    """A space whose fitting networks have all been tried."""


class Proposals:
    """Asks the study for networks that fit and that no other trial holds.

    Args:
        study: With the sampler that proposes.
        prices: The space with the costs of its networks.
        budgets: What networks may take.
        check: Finds out whether networks meet budgets on latency; None where there are none.
        seeds: Networks of the space that come before the sampler's own.
    """

    def __init__(
        self,
        study: optuna.Study,
        prices: Prices,
        budgets: tuple[Budget, ...],
        check: LatencyCheck | None = None,
        seeds: Sequence[Architecture] = (),
    ) -> None:
        if check is None and not all(budget.known for budget in budgets):
            raise ValueError("a budget on latency needs a check")
        self._check = check
        self._storage = study._storage  # noqa: SLF001 -- Optuna has no public way to write attributes
        self._study = study
        self._prices = prices
        self._budgets = budgets
        self._distributions: dict[str, BaseDistribution] = {
            choice.name: distribution_of(choice) for choice in prices.space.choices
        }
        self._orphans = [orphan for orphan in orphans(study) if self._goes_on(orphan)]
        self.stopped: Callable[[], bool] = lambda: False
        self._seeds = list(seeds)

    @property
    def left_running(self) -> int:
        """How many trials of a dead driver are still to be continued."""
        return len(self._orphans)

    def next(self) -> tuple[Trial, Architecture]:
        """Return a running trial and the network it is to train.

        Raises:
            ExhaustedError: if the sampler finds no network that has not been tried.
            NothingFitsError: if network after network misses its latency.
            StoppedError: if `stopped` says so before one is found.
        """
        if self._orphans:
            orphan = self._orphans.pop(0)
            architecture = Architecture.from_json(orphan.user_attrs[record.ARCHITECTURE])
            return Trial(self._study, orphan._trial_id), architecture  # noqa: SLF001
        repeats = misses = 0
        while repeats < _MOST_REPEATS and misses < _MOST_MISSES:
            if self.stopped():
                raise StoppedError
            trial = self._asked()
            architecture = self._prices.space.architecture(trial.params)
            twin = self._twin(trial, architecture)
            if twin is not None:
                repeats += 1
                self._dismiss(trial, f"the same network as trial {twin}")
                continue
            missed = self._described(trial, architecture)
            if missed is None:
                return trial, architecture
            misses += 1
            self._dismiss(trial, missed)
        if misses:
            raise NothingFitsError(
                f"None of the last {misses} networks of {self._prices.space.name} met its latency budget. "
                f"Raise the budget or choose another space."
            )
        raise ExhaustedError(
            f"Every network of {self._prices.space.name} that the sampler finds within the budget has "
            f"been tried. Raise the budget or choose a larger space."
        )

    def _asked(self) -> Trial:
        """Return a trial with the next seed that no trial holds, or with what the sampler proposes."""
        while self._seeds:
            seed = self._seeds.pop(0)
            if self._holder(seed) is None:
                params = self._prices.space.params(seed)
                self._study.enqueue_trial(params, skip_if_exists=False)
                break
        return self._study.ask(fixed_distributions=self._distributions)

    def _goes_on(self, orphan: FrozenTrial) -> bool:
        """Return whether a trial left running is to be continued; tell the study the end of another."""
        if not record.described(orphan):
            record.explain(self._storage, orphan._trial_id, "interrupted before its training began")  # noqa: SLF001
            self._study.tell(orphan.number, state=TrialState.FAIL)
            return False
        if record.decided(orphan):  # the driver died between deciding and telling
            self._study.tell(orphan.number, state=TrialState.PRUNED)
            return False
        return True

    def _described(self, trial: Trial, architecture: Architecture) -> str | None:
        """Write what is known of a network, and return in words which latency it misses, if any.

        A trial whose network cannot be measured any more fails, so that another may take it up.
        """
        try:
            return self._describe(trial, architecture)
        except (TargetError, StoppedError) as error:
            record.explain(self._storage, trial._trial_id, str(error) or "the search ended")  # noqa: SLF001
            self._study.tell(trial, state=TrialState.FAIL)
            raise

    def _describe(self, trial: Trial, architecture: Architecture) -> str | None:
        """Write what is known of a network, and return in words which latency it misses, if any."""
        codes = self._prices.space.code_of(architecture)[None]
        costs = self._prices.costs(codes)[0]
        excess, missed = [], None
        for budget in self._budgets:
            if budget.known:
                excess.append(budget.excess(getattr(costs, budget.resource)))
            else:
                assert self._check is not None
                over, words = self._check.excess(
                    architecture,
                    budget,
                    self.stopped,
                    record.LatencyNotes(self._storage, trial._trial_id),  # noqa: SLF001
                )
                excess.append(over)
                missed = missed or words
        record.describe(trial, architecture, costs, excess)
        return missed

    def _dismiss(self, trial: Trial, reason: str) -> None:
        """Tell the study that a network is not trained."""
        record.explain(self._storage, trial._trial_id, reason)  # noqa: SLF001
        self._study.tell(trial, state=TrialState.PRUNED)

    def _twin(self, trial: Trial, architecture: Architecture) -> int | None:
        """Return the number of another trial that holds the same network, if any."""
        return self._holder(architecture, besides=trial.number)

    def _holder(self, architecture: Architecture, besides: int | None = None) -> int | None:
        """Return the number of a trial that holds a network and has not failed, if any."""
        fingerprint = architecture.fingerprint
        for other in self._study.get_trials(deepcopy=False):
            same = other.user_attrs.get(record.FINGERPRINT) == fingerprint
            if same and other.number != besides and other.state != TrialState.FAIL:
                return other.number
        return None
