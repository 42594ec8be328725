"""Feeds Ray Tune with candidates of an Optuna study, and writes into it what the trainings report.

Tune calls a `StudySearcher` as its search algorithm (what to train next) and as its stopper (every epoch).
The study holds all state: Tune executes and forgets. A training that is cut short by the end of the driver
stays RUNNING there, and the next start of the search continues it from its checkpoint. So does this one
where a training's process died: Tune itself retries nothing, so that every attempt has a name of its own
(`trials.training.attempt_fence`). Nothing is written into a trial that another driver has taken over.
"""

import concurrent.futures
import logging
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial
from ray import tune
from ray.tune.search import Searcher
from typing_extensions import override

from nas.ask_tell.candidates import EnoughError
from nas.ask_tell.known_trials import NotYetError
from nas.ask_tell.observer import SearchObserver
from nas.ask_tell.stopping import SearchControl
from nas.ask_tell.trial_reporter import TrialReporter
from nas.ask_tell.trial_source import Planned, TrialSource
from nas.files.trial_artifacts import TrialArtifacts
from nas.latency.constraint import StoppedError
from nas.ray_backend.daemon_threads import in_background
from nas.ray_backend.training_recorder import Training, TrainingRecorder
from nas.ray_backend.worker import PROGRESS
from nas.storage.retry import Retry, is_full, is_outage
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from nas.surrogates.torch_threads import torch_threads
from search_spaces.errors import FilesError, StorageError, UserError
from search_spaces.units import counted
from trials.training.epoch_progress import EpochProgress

_log = logging.getLogger(__name__)
T = TypeVar("T")

_TICK_S: Final = 0.1
_POLL_S: Final = 1.0  # between looks at what other drivers have finished
_LEAVING_S: Final = 5.0  # for which a proposal under way is waited for


class StudySearcher(Searcher, tune.Stopper):
    """Ray Tune's search algorithm and stopper over one study.

    Args:
        opened: The study that everything is written into.
        source: Chooses the next networks.
        worker_config: A candidate to what the worker that trains it receives.
        control: Whether the search goes on, and how many trainings run side by side.
        observer: Receives the events of the search.
        artifacts: Shows files of trainings in the dashboard; None for none.
        metric: Metric that the search maximises, one of `trials.training.evaluation.METRICS`.
        on_refused: Called with the id of a node that refused a training and why.
        after_end: Called after the end of a training was reported to the study.
    """

    def __init__(
        self,
        opened: OpenedStudy,
        source: TrialSource,
        worker_config: Callable[[Planned], dict[str, Any]],
        control: SearchControl,
        observer: SearchObserver,
        *,
        artifacts: TrialArtifacts | None = None,
        metric: str = "accuracy",
        on_refused: Callable[[str, str], None] = lambda _node, _reason: None,
        after_end: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(metric=metric, mode="max")
        self._opened = opened
        self._source = source
        self._worker_config = worker_config
        self._control = control
        self._observer = observer
        self._artifacts = artifacts
        self._recorder = TrainingRecorder(
            opened,
            source,
            TrialReporter(opened, observer, metric),
            control,
            artifacts=artifacts,
            on_refused=on_refused,
            after_end=after_end,
        )
        self._live: dict[str, Training] = {}
        self._retry = Retry(observer.say, lambda: control.over)
        self._ask_again_s = 0.0
        self._asked_alone, self._said_waiting = False, False
        self._pending: concurrent.futures.Future[Planned] | None = None
        self._retries_seen: frozenset[int] = frozenset()

    @property
    def busy_s(self) -> float:
        """Slot-seconds of training and evaluation so far, trainings cut short included."""
        return self._recorder.busy_s

    def close(self) -> None:
        """Wait a while for a proposal under way; its trial stays RUNNING for the next start."""
        self._control.closing = True
        if self._pending is not None:
            concurrent.futures.wait([self._pending], timeout=_LEAVING_S)

    @override
    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return what to train next, None to be asked again soon, or that nothing is left."""
        control = self._control
        if control.is_ending():
            return self._idle()
        if len(self._live) >= control.capacity.count:
            return None
        if self._pending is None:
            if time.monotonic() < self._ask_again_s:
                return None
            self._retries_seen = frozenset(control.retries.waiting)
            wanted, self._asked_alone = control.wanted, not (self._live or self._recorder.waits)
            self._pending = in_background(torch_threads(1)(lambda: self._source.next(wanted)), "ask")
        while not self._live and not self._pending.done() and not control.is_ending():
            concurrent.futures.wait([self._pending], timeout=_TICK_S)  # else Tune, idle, sleeps for a second
        if control.is_ending():
            return self._idle()
        if not self._pending.done():
            return None
        pending, self._pending = self._pending, None
        return self._begin(trial_id, pending)

    def _begin(
        self, trial_id: str, pending: concurrent.futures.Future[Planned]
    ) -> dict[str, Any] | str | None:
        """Return what the worker of a proposed candidate receives, or what `suggest` returns without one."""
        control = self._control
        try:
            candidate = pending.result()
        except EnoughError as enough:
            control.retries.waiting -= self._retries_seen  # another driver took them
            return self._waited(enough.running)
        except NotYetError:
            control.retries.waiting -= self._retries_seen
            return self._waited(1)
        except StoppedError:
            return self._idle()
        except Exception as error:
            return self._not_proposed(pending.result, error)
        control.retries.waiting.discard(candidate.number)
        begun = self._until_stored(lambda: self._begun(candidate), None)
        if begun is None:  # another driver has ended it, or the search ends
            self._until_stored(lambda: self._source.ended(candidate.number), None)
            return None
        self._live[trial_id] = Training(candidate.number)
        stored, config = begun
        self._observer.started(trial_attributes.network_of(stored), resumed=bool(stored.intermediate_values))
        _log.info("Trial %d trains %s.", candidate.number, candidate.architecture.fingerprint)
        return config

    def _begun(self, candidate: Planned) -> tuple[FrozenTrial, dict[str, Any]]:
        """Return the trial of a network that begins to train, as stored, and what its worker receives."""
        if self._artifacts is not None:
            self._artifacts.begin(self._opened, candidate.number, candidate.architecture)
        return self._opened.stored_trial(candidate.number), self._worker_config(candidate)

    @override
    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Write an epoch into the study and return whether the training is to be stopped."""
        live = self._live.get(trial_id)
        if live is None:
            return False
        if PROGRESS in result and not live.lost:
            self._observer.progress(live.number, EpochProgress.from_json(result[PROGRESS]))
        if live.stopped_early or live.lost or "epoch" not in result:
            return live.stopped_early or live.lost
        self._ask_again_s = 0.0  # a proposal may have waited for this
        return self._until_stored(lambda: self._recorder.epoch(live, result), True)

    @override
    def stop_all(self) -> bool:
        """Return whether Tune is to stop everything; what runs stays RUNNING in the study."""
        return self._control.over

    @override
    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Do nothing: the stopper has seen every result."""

    @override
    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Report the end of a training to the study, unless it was only cut short."""
        live = self._live.pop(trial_id, None)
        if live is None:
            return
        self._ask_again_s = 0.0
        self._until_stored(lambda: self._recorder.end(live, result or {}, error), None)

    @override
    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the study holds all state."""

    restore = save

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its searcher; a URL with a password must not land in its files

    def __setstate__(self, state: dict[str, Any]) -> None:
        del state

    def _idle(self) -> str | None:
        """Return that nothing is left, once nothing is trained."""
        waits = self._recorder.waits and not self._control.over  # for the trainings of another driver
        return None if self._live or waits else Searcher.FINISHED

    def _waited(self, running: int) -> str | None:
        """Return that nothing is left, or None while trainings, of other drivers too, may still fail."""
        self._ask_again_s = time.monotonic() + _POLL_S
        self._until_stored(self._recorder.settle, None)
        if running and self._asked_alone and not self._said_waiting:  # else one of them was trained here
            self._said_waiting = True
            self._observer.say(f"Waiting for {counted(running, 'network')} that other drivers train")
        return None if running else self._idle()

    def _not_proposed(self, asked: Callable[[], Any], error: Exception) -> str | None:
        """Return None where it is worth asking again, else note the problem and start nothing more."""
        if is_outage(error):
            self._until_stored(self._opened.storage.get_all_studies, None)  # waits until it answers
            return None
        if is_full(error):
            self._until_stored(asked, None)  # says so
        elif isinstance(error, UserError):  # nothing is left to try, or a target has gone away
            self._control.drain(error)
        else:
            raise error
        return self._idle()

    def _until_stored(self, operation: Callable[[], T], otherwise: T) -> T:
        """Return what `operation` returns once the database answers; end the search if it never does."""
        if self._control.closing or self._control.unusable:
            return otherwise
        try:
            return self._retry(operation)
        except UpdateFinishedTrialError:  # held up so long that another driver has ended the trial
            return otherwise
        except (StorageError, FilesError) as error:
            self._control.stop(error)
            return otherwise
