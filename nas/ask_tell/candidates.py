"""Chooses the next network to train: resumes trials of dead drivers, then asks the sampler for new ones."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from nas.ask_tell.known_trials import KnownTrials
from nas.ask_tell.proposals import Proposals
from nas.coordination.trial_ownership import NoTurnError, SoleDriver, TrialOwnership
from nas.latency.constraint import LatencyCheck, StoppedError
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.costs import Costs
from search_spaces.errors import NothingFitsError, TargetError, UserError
from search_spaces.pricing import Prices

_MOST_REPEATS: Final = 20
_MOST_MISSES: Final = 200


class ExhaustedError(UserError):
    """A space whose feasible networks have all been tried."""


class EnoughError(Exception):
    """As many networks as were asked for are trained or being trained.

    Attributes:
        running: How many of them are being trained, here or by other drivers.
    """

    def __init__(self, running: int) -> None:
        super().__init__(f"{running} are being trained")
        self.running = running


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A network that fits every budget and is to be trained, with what is known of it before.

    Attributes:
        number: Number of its trial.
        architecture: What is trained.
        codes: Its encoding in the search space, [4 + stages].
        costs: Exact costs in the form that is deployed.
        excess: Share by which each budget is exceeded, in the order of the budgets; 0 or less fits.
    """

    number: int
    architecture: Architecture
    codes: NDArray[np.int64]
    costs: Costs
    excess: tuple[float, ...]


class CandidateSource:
    """Asks the study for networks that fit and that no other trial holds.

    A trial is handed out once, to the driver that owns it; see `nas.coordination.trial_ownership`. A call
    that is repeated after the database was away goes on where it was.

    Args:
        opened: The study, whose sampler proposes.
        prices: The search space with the costs of its networks.
        budgets: The most that networks may take.
        check: Decides whether networks meet budgets on latency; None where there are none.
        seeds: Networks of the space that are tried before the sampler's own.
        ownership: Which trials belong to other drivers.
        stopped: Whether the search has ended, so that no network is wanted any more.
        known: What proposals may rest on so that every run makes the same; None for all there is.
    """

    def __init__(
        self,
        opened: OpenedStudy,
        prices: Prices,
        budgets: tuple[Budget, ...],
        check: LatencyCheck | None = None,
        seeds: Sequence[Architecture] = (),
        ownership: TrialOwnership | None = None,
        stopped: Callable[[], bool] = lambda: False,
        known: KnownTrials | None = None,
    ) -> None:
        if check is None and not all(budget.counted for budget in budgets):
            raise ValueError("a budget on latency needs a check")
        self._check = check
        self._opened = opened
        self._study = opened.study
        self._prices = prices
        self._budgets = budgets
        self._stopped = stopped
        self._ownership: TrialOwnership = SoleDriver() if ownership is None else ownership
        self._handed_out: set[int] = set()
        self._left: list[FrozenTrial] = []
        self._proposals = Proposals(opened, prices.codes, seeds, known)
        with self._turn(lambda: False):
            pass

    @property
    def left_running(self) -> int:
        """Number of trials of dead drivers that were still to be continued at the last look."""
        return len(self._left)

    def owns(self, number: int) -> bool:
        """Return whether a trial that was handed out may still be written into."""
        return self._ownership.holds(number)

    def ended(self, number: int) -> None:
        """Note that a trial which was handed out is not trained here any more."""
        self._handed_out.discard(number)
        self._ownership.drop(number)

    def next(self, wanted: float = math.inf) -> Candidate:
        """Return the next network to train; its trial is running.

        Args:
            wanted: Number of trained networks that are enough.

        Raises:
            EnoughError: if as many are trained or being trained.
            NotYetError: if every run of the search waits for another trial here.
            ExhaustedError: if the sampler finds no network that has not been tried.
            NothingFitsError: if network after network misses its latency.
            StoppedError: if the search ends before one is found.
        """
        repeats, misses, reason = 0, 0, ""
        while repeats < _MOST_REPEATS and misses < _MOST_MISSES:
            with self._turn(self._stopped):
                if self._left:
                    return self._resumed(self._left.pop(0))
                self._check_wanted(wanted)
                begun = self._begin_trial()
            if begun is None:
                repeats += 1
                continue
            try:
                candidate, missed = self._described(*begun)
                if missed is None:
                    self._handed_out.add(candidate.number)
                    return candidate
                self._dismiss(candidate.number, missed)
                reason = missed
            except UpdateFinishedTrialError:  # held up so long that another driver has ended the trial
                continue
            self._ownership.drop(candidate.number)
            misses += 1
        raise self._nothing_left(misses, reason)

    def _nothing_left(self, misses: int, reason: str) -> UserError:
        name = self._prices.codes.name
        if misses:
            return NothingFitsError(
                f"None of the last {misses} networks of {name} met its latency budget, the last because of "
                f"this: {reason.rstrip('.')}. Raise the budget or choose another space."
            )
        return ExhaustedError(
            f"Every network of {name} that the sampler finds within the budget has "
            f"been tried. Raise the budget or choose a larger space."
        )

    @contextmanager
    def _turn(self, stopped: Callable[[], bool]) -> Iterator[None]:
        """Be the only driver that proposes, after ending or collecting the trials that dead drivers left."""
        if stopped():
            raise StoppedError
        try:
            with self._ownership.turn(stopped) as others:
                running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                unowned = [t for t in running if t.number not in self._handed_out and t.number not in others]
                self._proposals.broken_off = []
                self._left = [trial for trial in unowned if self._goes_on(trial)]
                yield
        except NoTurnError as error:
            raise StoppedError from error

    def _resumed(self, left: FrozenTrial) -> Candidate:
        """Take over a trial that a dead driver left running."""
        architecture = trial_attributes.architecture_of(left)
        self._ownership.take(left.number)
        self._handed_out.add(left.number)
        codes = self._prices.codes.code_of(architecture)
        return Candidate(
            number=left.number,
            architecture=architecture,
            codes=codes,
            costs=self._prices.costs(codes[None])[0],
            excess=trial_attributes.excess_of(left),
        )

    def _check_wanted(self, wanted: float) -> None:
        trials = self._study.get_trials(deepcopy=False)
        running = sum(t.state == TrialState.RUNNING for t in trials) - len(self._proposals.broken_off)
        if running + sum(map(trial_attributes.trained, trials)) >= wanted:
            raise EnoughError(running)

    def _begin_trial(self) -> tuple[int, Architecture, NDArray[np.int64]] | None:
        """Return a new trial with its network and codes, or None if another trial holds the network."""
        trial = self._proposals.ask()
        codes = self._prices.codes.of([trial.params])[0]
        architecture = self._prices.codes.at(codes)
        twin = self._proposals.holder(architecture, before=trial.number)
        if twin is not None:
            self._dismiss(trial.number, f"the same network as trial {twin}")
            return None
        trial_attributes.claim(self._opened, trial.number, architecture)
        self._ownership.take(trial.number)
        return trial.number, architecture, codes

    def _goes_on(self, left: FrozenTrial) -> bool:
        """Return whether a trial left running is to be continued; end it in the study if not."""
        state = trial_attributes.decided(left)  # the driver may have died before it wrote the end
        if state is None and self._proposals.repeats(left):
            return False
        if state is None and not trial_attributes.described(left):
            state = TrialState.FAIL
            self._decide(left.number, state, "interrupted before its training began")
        if state is None:
            return True
        self._study.tell(left.number, state=state, skip_if_finished=True)
        self._ownership.drop(left.number)
        return False

    def _described(
        self, number: int, architecture: Architecture, codes: NDArray[np.int64]
    ) -> tuple[Candidate, str | None]:
        """Write what is known of a network, and return it with the latency that it misses, if any.

        A trial whose network cannot be measured any more fails, so that another may take it up.
        """
        try:
            return self._describe(number, architecture, codes)
        except (TargetError, StoppedError) as error:
            self._decide(number, TrialState.FAIL, str(error) or "the search ended")
            self._study.tell(number, state=TrialState.FAIL)
            self._ownership.drop(number)
            raise

    def _describe(
        self, number: int, architecture: Architecture, codes: NDArray[np.int64]
    ) -> tuple[Candidate, str | None]:
        costs = self._prices.costs(codes[None])[0]
        excess, missed = [], None
        for budget in self._budgets:
            if budget.counted:
                excess.append(budget.excess(costs[budget.resource]))
            else:
                assert self._check is not None
                notes = trial_attributes.LatencyNotes(self._opened, number)
                over, reason = self._check.excess(architecture, budget, self._stopped, notes)
                excess.append(over)
                missed = missed or reason
        trial_attributes.describe(self._opened, number, architecture, costs, excess)
        candidate = Candidate(
            number=number, architecture=architecture, codes=codes, costs=costs, excess=tuple(excess)
        )
        return candidate, missed

    def _dismiss(self, number: int, reason: str) -> None:
        """End a trial whose network is not trained."""
        self._decide(number, TrialState.PRUNED, reason)
        self._study.tell(number, state=TrialState.PRUNED)

    def _decide(self, number: int, state: TrialState, reason: str) -> None:
        trial_attributes.decide(self._opened, number, state, reason)
