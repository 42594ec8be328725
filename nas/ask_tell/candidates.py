"""The next network to train: first those that a dead driver left running, then the sampler's."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.bayesopt.space_problem import distribution_of
from nas.coordination.trial_ownership import NoTurnError, SoleDriver, TrialOwnership
from nas.latency.constraint import LatencyCheck, StoppedError
from nas.study import trial_attributes
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import NothingFitsError, TargetError, UserError
from search_spaces.pricing import Prices

_MOST_REPEATS = 20
_MOST_MISSES = 200


class ExhaustedError(UserError):
    """A space whose fitting networks have all been tried."""


class EnoughError(Exception):
    """As many networks as were asked for are trained or being trained.

    Attributes:
        running: How many of them are being trained, here or by other drivers.
    """

    def __init__(self, running: int) -> None:
        super().__init__(f"{running} are being trained")
        self.running = running


class CandidateSource:
    """Asks the study for networks that fit and that no other trial holds.

    A trial is handed out once, to the driver that holds it; see `nas.coordination.trial_ownership`. What is
    asked again after a fault of the database goes on with what it had begun.

    Args:
        study: With the sampler that proposes.
        prices: The space with the costs of its networks.
        budgets: What networks may take.
        check: Finds out whether networks meet budgets on latency; None where there are none.
        seeds: Networks of the space that come before the sampler's own.
        sharing: Which trials are for other drivers.
    """

    def __init__(
        self,
        study: optuna.Study,
        prices: Prices,
        budgets: tuple[Budget, ...],
        check: LatencyCheck | None = None,
        seeds: Sequence[Architecture] = (),
        sharing: TrialOwnership | None = None,
    ) -> None:
        if check is None and not all(budget.counted for budget in budgets):
            raise ValueError("a budget on latency needs a check")
        self._check = check
        self._storage = study._storage  # noqa: SLF001 -- Optuna has no public way to write attributes
        self._study = study
        self._prices = prices
        self._budgets = budgets
        self._distributions: dict[str, BaseDistribution] = {
            choice.name: distribution_of(choice) for choice in prices.codes.choices
        }
        self.stopped: Callable[[], bool] = lambda: False
        self._seeds = list(seeds)
        self._sharing: TrialOwnership = SoleDriver() if sharing is None else sharing
        self._given: set[int] = set()
        self._left: list[FrozenTrial] = []
        with self._turn():
            pass

    @property
    def left_running(self) -> int:
        """How many trials of a dead driver were still to be continued when this was last looked at."""
        return len(self._left)

    def holds(self, trial: int) -> bool:
        """Return whether a trial that was handed out is still ours to write into."""
        return self._sharing.holds(trial)

    def ended(self, trial: int) -> None:
        """Note that a trial which was handed out is not trained here any more."""
        self._given.discard(trial)
        self._sharing.drop(trial)

    def next(self, wanted: float = math.inf) -> tuple[Trial, Architecture]:
        """Return a running trial and the network it is to train.

        Args:
            wanted: Trained networks that are enough.

        Raises:
            EnoughError: if as many are trained or being trained.
            ExhaustedError: if the sampler finds no network that has not been tried.
            NothingFitsError: if network after network misses its latency.
            StoppedError: if `stopped` says so before one is found.
        """
        repeats = misses = 0
        while repeats < _MOST_REPEATS and misses < _MOST_MISSES:
            with self._turn():
                if self._left:
                    return self._gone_on(self._left.pop(0))
                self._check_wanted(wanted)
                found = self._begun()
            if found is None:
                repeats += 1
                continue
            trial, architecture = found
            try:
                missed = self._described(trial, architecture)
                if missed is None:
                    self._given.add(trial.number)
                    return trial, architecture
                self._dismiss(trial, missed)
            except UpdateFinishedTrialError:  # held up so long that another driver has ended the trial
                continue
            self._sharing.drop(trial.number)
            misses += 1
        if misses:
            raise NothingFitsError(
                f"None of the last {misses} networks of {self._prices.codes.name} met its latency budget. "
                f"Raise the budget or choose another space."
            )
        raise ExhaustedError(
            f"Every network of {self._prices.codes.name} that the sampler finds within the budget has "
            f"been tried. Raise the budget or choose a larger space."
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Be the only one that proposes, having seen to what dead drivers left running."""
        if self.stopped():
            raise StoppedError
        try:
            with self._sharing.turn(self.stopped) as others:
                running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                nobodys = [t for t in running if t.number not in self._given and t.number not in others]
                self._left = [trial for trial in nobodys if self._goes_on(trial)]
                yield
        except NoTurnError as error:
            raise StoppedError from error

    def _gone_on(self, left: FrozenTrial) -> tuple[Trial, Architecture]:
        """Take a trial that a dead driver left running."""
        architecture = trial_attributes.architecture_of(left)
        self._sharing.take(left.number)
        self._given.add(left.number)
        return Trial(self._study, left._trial_id), architecture  # noqa: SLF001

    def _check_wanted(self, wanted: float) -> None:
        trials = self._study.get_trials(deepcopy=False)
        running = sum(t.state == TrialState.RUNNING for t in trials)
        if running + sum(map(trial_attributes.trained, trials)) >= wanted:
            raise EnoughError(running)

    def _begun(self) -> tuple[Trial, Architecture] | None:
        """Return a new trial that is ours with its network, or None if another trial holds that."""
        trial = self._asked()
        architecture = self._prices.codes.architecture(trial.params)
        twin = self._twin(trial, architecture)
        if twin is not None:
            self._dismiss(trial, f"the same network as trial {twin}")
            return None
        trial_attributes.claim(self._storage, trial._trial_id, architecture)  # noqa: SLF001
        self._sharing.take(trial.number)
        return trial, architecture

    def _asked(self) -> Trial:
        """Return a trial with the next seed that no trial holds, or with what the sampler proposes."""
        while self._seeds:
            seed = self._seeds.pop(0)
            if self._holder(seed) is None:
                params = self._prices.codes.params(seed)
                self._study.enqueue_trial(params, skip_if_exists=False)
                break
        return self._study.ask(fixed_distributions=self._distributions)

    def _goes_on(self, left: FrozenTrial) -> bool:
        """Return whether a trial left running is to be continued; tell the study the end of another."""
        state = trial_attributes.decided(left)  # the driver may have died between deciding and telling
        if state is None and not trial_attributes.described(left):
            state = TrialState.FAIL
            self._decide(left, state, "interrupted before its training began")
        if state is None:
            return True
        self._study.tell(left.number, state=state, skip_if_finished=True)
        self._sharing.drop(left.number)
        return False

    def _described(self, trial: Trial, architecture: Architecture) -> str | None:
        """Write what is known of a network, and return in words which latency it misses, if any.

        A trial whose network cannot be measured any more fails, so that another may take it up.
        """
        try:
            return self._describe(trial, architecture)
        except (TargetError, StoppedError) as error:
            self._decide(trial, TrialState.FAIL, str(error) or "the search ended")
            self._study.tell(trial, state=TrialState.FAIL)
            self._sharing.drop(trial.number)
            raise

    def _describe(self, trial: Trial, architecture: Architecture) -> str | None:
        """Write what is known of a network, and return in words which latency it misses, if any."""
        codes = self._prices.codes.code_of(architecture)[None]
        costs = self._prices.costs(codes)[0]
        excess, missed = [], None
        for budget in self._budgets:
            if budget.counted:
                excess.append(budget.excess(getattr(costs, budget.resource)))
            else:
                assert self._check is not None
                over, words = self._check.excess(
                    architecture,
                    budget,
                    self.stopped,
                    trial_attributes.LatencyNotes(self._storage, trial._trial_id),  # noqa: SLF001
                )
                excess.append(over)
                missed = missed or words
        trial_attributes.describe(trial, architecture, costs, excess)
        return missed

    def _dismiss(self, trial: Trial, reason: str) -> None:
        """Tell the study that a network is not trained."""
        self._decide(trial, TrialState.PRUNED, reason)
        self._study.tell(trial, state=TrialState.PRUNED)

    def _decide(self, trial: Trial | FrozenTrial, state: TrialState, reason: str) -> None:
        trial_attributes.decide(self._storage, trial._trial_id, state, reason)  # noqa: SLF001

    def _twin(self, trial: Trial, architecture: Architecture) -> int | None:
        """Return the number of another trial that holds the same network, if any."""
        return self._holder(architecture, besides=trial.number)

    def _holder(self, architecture: Architecture, besides: int | None = None) -> int | None:
        """Return the number of a trial that holds a network and has not failed, if any."""
        fingerprint = architecture.fingerprint
        for other in self._study.get_trials(deepcopy=False):
            same = other.user_attrs.get(trial_attributes.FINGERPRINT) == fingerprint
            if same and other.number != besides and other.state != TrialState.FAIL:
                return other.number
        return None
