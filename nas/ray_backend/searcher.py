"""Feeds Ray Tune from an Optuna study, which is the only truth: Tune executes and forgets.

Tune calls a `StudySearcher` in its own event loop, as its search algorithm (what to train next) and as its
stopper (every epoch, before anybody else sees it). A finished, stopped or failed training is told to
the study; one that is cut short by the end of the driver stays RUNNING there, and the next start of
the same search continues it from its checkpoint. So does this one where a training's process or machine
died: Tune itself retries nothing, so that every attempt is known by its own name
(`trials.training.attempt_fence`). Nothing is written into a trial that another driver has taken over. What
fails because the database is away is repeated until it answers.
"""

import concurrent.futures
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial
from ray import tune
from ray.tune.search import Searcher
from typing_extensions import override

from nas.ask_tell.candidates import CandidateSource, EnoughError
from nas.ask_tell.observer import SearchObserver
from nas.ask_tell.retries import MOST, RetryCounter
from nas.ask_tell.stopping import CutShortError, StoppingCriteria
from nas.ask_tell.trial_reporter import TrialReporter
from nas.files.trial_artifacts import TrialArtifacts
from nas.latency.constraint import StoppedError
from nas.ray_backend.daemon_threads import in_background
from nas.resources import Capacity
from nas.storage.retry import Retry, is_full, is_outage
from nas.study import trial_attributes
from search_spaces.architecture import Architecture
from search_spaces.errors import FilesError, StorageError, UserError

_log = logging.getLogger(__name__)
T = TypeVar("T")

_TICK_S: Final = 0.1
_POLL_S: Final = 1.0  # between looks at what other drivers have finished
_LEAVING_S: Final = 5.0  # for which a proposal under way is waited for


@dataclass(slots=True)
class _Live:
    trial: Trial
    stopped_early: bool = False
    lost: bool = False
    busy_s: float = 0.0


class StudySearcher(Searcher, tune.Stopper):
    """Ray Tune's search algorithm and stopper over one study.

    Args:
        study: Where everything is written.
        proposals: The next networks.
        configure: A trial number and its network to what the worker is told.
        room: How many trainings may run side by side.
        limits: When the search ends.
        watcher: Who is told what happens.
        attachments: Where files of trainings are shown; None for nowhere.
        metric: What is raised, one of `trials.training.evaluation.METRICS`.
        after_end: Called after a training's end was told to the study.
    """

    def __init__(
        self,
        study: optuna.Study,
        proposals: CandidateSource,
        configure: Callable[[int, Architecture], dict[str, Any]],
        room: Capacity,
        limits: StoppingCriteria,
        watcher: SearchObserver,
        attachments: TrialArtifacts | None = None,
        metric: str = "accuracy",
        after_end: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(metric=metric, mode="max")
        self._telling = TrialReporter(study, watcher, metric)
        self._storage = study._storage  # noqa: SLF001 -- Optuna has no public way to write without a tell
        self._proposals = proposals
        self._configure = configure
        self._room = room
        self._limits = limits
        self._watcher = watcher
        self._attachments = attachments
        self._after_end = after_end
        self._live: dict[str, _Live] = {}
        self._patient = Retry(watcher.say, lambda: self.over)
        self._ask_again_s = 0.0
        self._said_waiting = False
        self._pending: concurrent.futures.Future[tuple[Trial, Architecture]] | None = None
        self._failures = 0
        self._attempts = RetryCounter()
        self._asked_for: frozenset[int] = frozenset()
        self._closing = False
        self._busy_s = 0.0
        self.problem: UserError | None = None
        self.cut_off: Callable[[], bool] = lambda: False  # whether what executes the trainings has gone
        self.refused: Callable[[str, str], None] = lambda _node, _reason: None  # by a machine
        proposals.stopped = self._ending

    @property
    def busy_s(self) -> float:
        """Seconds in which the slots trained and evaluated, trainings cut short included."""
        return self._busy_s + sum(live.busy_s for live in self._live.values())

    @property
    def over(self) -> bool:
        """Whether running trainings are to be stopped."""
        return self._limits.over(time.monotonic())

    def cut_short(self, problem: UserError) -> None:
        """Stop everything because of a problem; what runs stays RUNNING in the study."""
        self.problem = problem
        self._limits.stopping = True
        _log.error("%s", problem)

    def close(self) -> None:
        """Wait a while for a proposal under way; its trial stays RUNNING for the next start."""
        self._closing = True
        if self._pending is not None:
            concurrent.futures.wait([self._pending], timeout=_LEAVING_S)

    @override
    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return what to train next, None to be asked again soon, or that nothing is left."""
        if self._ending():
            return self._idle()
        if len(self._live) >= self._room.count:
            return None
        if self._pending is None:
            if time.monotonic() < self._ask_again_s:
                return None
            wanted = 0 if self._limits.draining else self._limits.trials
            self._asked_for = frozenset(self._attempts.waiting)
            self._pending = in_background(lambda: self._proposals.next(wanted), "ask")
        while not self._live and not self._pending.done() and not self._ending():
            concurrent.futures.wait([self._pending], timeout=_TICK_S)  # else Tune, idle, sleeps for a second
        if self._ending():
            return self._idle()
        if not self._pending.done():
            return None
        pending, self._pending = self._pending, None
        try:
            trial, architecture = pending.result()
        except EnoughError as enough:
            self._attempts.waiting -= self._asked_for  # another driver took them
            return self._waited(enough.running)
        except StoppedError:
            return self._idle()
        except Exception as error:
            return self._not_proposed(pending.result, error)
        self._live[trial_id] = _Live(trial)
        self._attempts.waiting.discard(trial.number)
        begun = self._sure(lambda: self._begun(trial, architecture), None)
        if begun is None:
            return None
        stored, told = begun
        self._watcher.started(trial_attributes.network_of(stored), resumed=bool(stored.intermediate_values))
        _log.info("Trial %d trains %s.", trial.number, architecture.fingerprint)
        return told

    @override
    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Write an epoch into the study and return whether the training is to be stopped."""
        live = self._live.get(trial_id)
        if live is None or "epoch" not in result:
            return False
        return live.stopped_early or live.lost or self._sure(lambda: self._written(live, result), True)

    def _written(self, live: _Live, result: dict[str, Any]) -> bool:
        """Write an epoch into the study, unless it is there, and return whether to stop the training."""
        if not self._proposals.holds(live.trial.number):
            live.lost = True
            _log.warning("Trial %d was taken over by another driver.", live.trial.number)
            return True
        stored, news = self._telling.epoch(live.trial, result)
        if news:
            live.busy_s += float(result["seconds"]) - float(result.get("waited_seconds", 0.0))
        if result["final"] or int(result["epoch"]) != stored.last_step:
            return False
        live.stopped_early = self._telling.stops(stored)
        return live.stopped_early

    @override
    def stop_all(self) -> bool:
        """Return whether Tune is to stop everything; what runs stays RUNNING in the study."""
        return self.over

    @override
    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Do nothing: the stopper has seen every result."""

    @override
    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the study how a training ended, unless it was only cut short."""
        live = self._live.pop(trial_id, None)
        if live is None:
            return
        self._busy_s += live.busy_s
        self._ask_again_s = 0.0
        self._sure(lambda: self._told(live, result or {}, error), None)
        self._sure(lambda: self._proposals.ended(live.trial.number), None)

    def _told(self, live: _Live, result: dict[str, Any], error: bool) -> None:
        """Tell the study how a training ended."""
        number = live.trial.number
        ours = not live.lost and self._proposals.holds(number)
        if ours and self._attachments is not None and (result.get("final") or live.stopped_early):
            self._attachments.end(live.trial)  # before the end is told: a finished trial is closed
        if result.get("full"):
            self.cut_short(
                CutShortError(
                    f"A disk is full: {result['error']}. Nothing that was finished is lost: make room, then "
                    f"give the same command again to go on."
                )
            )
        elif result.get("away"):
            self.cut_short(
                CutShortError(
                    f"{result['error']} Nothing that was finished is lost: the same command goes on."
                )
            )
        elif "refused" in result:
            self.refused(str(result["node"]), str(result["refused"]))
            self._attempts.waiting.add(number)
        elif result.get("superseded"):
            self._attempts.waiting.add(number)
        elif ours and "error" in result:
            self._fail(live.trial, str(result["error"]))
        elif ours and error and not self.cut_off():
            self._died(live.trial)
        elif ours and result.get("final"):
            self._telling.completed(live.trial, result)
        elif ours and live.stopped_early:
            self._telling.stopped(live.trial)
        self._after_end()

    @override
    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study holds all state."""

    @override
    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: the study holds all state."""

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its searcher; a URL with a password must not land in its files

    def __setstate__(self, state: dict[str, Any]) -> None:
        del state

    def _ending(self) -> bool:
        """Return whether no training starts; what began already still goes on after a death."""
        return self._closing or self.over or (self._limits.draining and not self._attempts.waiting)

    def _begun(self, trial: Trial, architecture: Architecture) -> tuple[FrozenTrial, dict[str, Any]]:
        """Return the trial of a network that begins to train, as stored, and what its worker is told."""
        if self._attachments is not None:
            self._attachments.begin(trial, architecture)
        stored = self._storage.get_trial(trial._trial_id)  # noqa: SLF001
        return stored, self._configure(trial.number, architecture)

    def _idle(self) -> str | None:
        """Return that nothing is left, once nothing is trained."""
        return None if self._live else Searcher.FINISHED

    def _waited(self, running: int) -> str | None:
        """Return that nothing is left, or None while trainings, of other drivers too, may still fail."""
        self._ask_again_s = time.monotonic() + _POLL_S
        if running and not self._live and not self._said_waiting:
            self._said_waiting = True
            self._watcher.say(f"Waiting for {running} networks that other drivers train")
        return None if running else self._idle()

    def _not_proposed(self, asked: Callable[[], Any], error: Exception) -> str | None:
        """Return None where it is worth asking again, else note the problem and start nothing more."""
        if is_outage(error):
            self._sure(self._storage.get_all_studies, None)  # waits until it answers
            return None
        if is_full(error):
            self._sure(asked, None)  # says so
        elif isinstance(error, UserError):  # nothing is left to try, or a target has gone away
            self.problem = error
            self._limits.draining = True
        else:
            raise error
        return self._idle()

    def _sure(self, operation: Callable[[], T], otherwise: T) -> T:
        """Return what `operation` returns once the database answers; end the search if it never does."""
        if self._closing or isinstance(self.problem, StorageError | FilesError | CutShortError):
            return otherwise
        try:
            return self._patient(operation)
        except UpdateFinishedTrialError:  # held up so long that another driver has ended the trial
            return otherwise
        except (StorageError, FilesError) as error:
            self.cut_short(error)
            return otherwise

    def _died(self, trial: Trial) -> None:
        """Have a training tried again whose process or machine died, unless it gets nowhere."""
        if self._attempts.died(self._storage.get_trial(trial._trial_id)):  # noqa: SLF001
            _log.warning("What trained trial %d died; it goes on from its checkpoint.", trial.number)
        else:
            self._fail(trial, f"what trained it died {MOST} times without finishing an epoch")

    def _fail(self, trial: Trial, reason: str) -> None:
        self._telling.failed(trial, reason)
        self._failures += 1
        if self._failures >= self._limits.failures:
            self._limits.draining = True
            self.problem = UserError(
                f"{self._failures} trainings failed, the last because of: {reason} "
                f"Mend that, then give the same command again to go on."
            )
