"""Feeds Ray Tune from an Optuna study, which is the only truth: Tune executes and forgets.

Tune calls a `Bridge` in its own event loop, as its search algorithm (what to train next) and as its
stopper (every epoch, before anybody else sees it). A finished, stopped or failed training is told to
the study; one that is cut short by the end of the driver stays RUNNING there, and the next start of
the same search continues it from its checkpoint.
"""

import concurrent.futures
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import optuna
from optuna.trial import Trial, TrialState
from ray import tune
from ray.tune.search import Searcher
from typing_extensions import override

from dashboards.result import Epoch, Network
from nas import record
from nas.attaching import Attachments
from nas.latency_check import StoppedError
from nas.proposals import Proposals
from search_spaces.architecture import Architecture
from search_spaces.errors import UserError

_log = logging.getLogger(__name__)


@runtime_checkable
class Watcher(Protocol):
    """Who is told what happens, for example a progress display."""

    def started(self, network: Network, *, resumed: bool) -> None:
        """A training began, or goes on after a crash."""

    def epoch(self, trial: int, epoch: Epoch) -> None:
        """A training finished an epoch."""

    def ended(self, trial: int, state: str, reason: str | None) -> None:
        """A training ended."""


@dataclass(slots=True, kw_only=True)
class Limits:
    """When a search ends; changed from outside while it runs.

    Attributes:
        trials: Trained networks, over all starts of the study.
        failures: Failed trainings in this run after which it gives up.
        deadline: On the monotonic clock, in seconds; None for no end.
        draining: Whether no further training is started.
        stopping: Whether running trainings are stopped too.
    """

    trials: int
    failures: int
    deadline: float | None = None
    draining: bool = False
    stopping: bool = False

    def over(self, now: float) -> bool:
        """Return whether running trainings are to be stopped."""
        return self.stopping or (self.deadline is not None and now >= self.deadline)


@dataclass(slots=True)
class _Live:
    trial: Trial
    stopped_early: bool = False
    busy_s: float = 0.0
    began: float = field(default_factory=time.monotonic)


class Bridge(Searcher, tune.Stopper):
    """Ray Tune's search algorithm and stopper over one study.

    Args:
        study: Where everything is written.
        proposals: The next networks.
        configure: A trial number and its network to what the worker is told.
        limits: When the search ends.
        watcher: Who is told what happens.
        attachments: Where files of trainings are shown; None for nowhere.
        metric: What is raised, one of `trials.evaluation.METRICS`.
        after_end: Called after a training's end was told to the study.
    """

    def __init__(
        self,
        study: optuna.Study,
        proposals: Proposals,
        configure: Callable[[int, Architecture], dict[str, Any]],
        limits: Limits,
        watcher: Watcher,
        attachments: Attachments | None = None,
        metric: str = "accuracy",
        after_end: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(metric=metric, mode="max")
        self._metric = metric
        self._study = study
        self._storage = study._storage  # noqa: SLF001 -- Optuna has no public way to write without a tell
        self._proposals = proposals
        self._configure = configure
        self._limits = limits
        self._watcher = watcher
        self._attachments = attachments
        self._after_end = after_end
        self._live: dict[str, _Live] = {}
        # A proposal may take a second, and Tune's event loop serves the workers meanwhile.
        self._asking = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="ask")
        self._pending: concurrent.futures.Future[tuple[Trial, Architecture]] | None = None
        self._failures = 0
        self._closing = False
        self._busy_s = 0.0
        self.problem: UserError | None = None
        proposals.stopped = lambda: self._closing or self._ending()

    @property
    def busy_s(self) -> float:
        """Seconds in which the slots trained and evaluated, trainings cut short included."""
        return self._busy_s + sum(live.busy_s for live in self._live.values())

    def close(self) -> None:
        """Wait for a proposal under way; its trial stays RUNNING and is continued at the next start."""
        self._closing = True
        self._asking.shutdown(wait=True)

    @override
    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return what to train next, None to be asked again soon, or that nothing is left."""
        if self._ending():
            return None if self._live else Searcher.FINISHED
        if self._pending is None:
            if self._enough():
                return None if self._live else Searcher.FINISHED
            self._pending = self._asking.submit(self._proposals.next)
        if not self._pending.done():
            return None
        pending, self._pending = self._pending, None
        try:
            trial, architecture = pending.result()
        except StoppedError:
            return None if self._live else Searcher.FINISHED
        except UserError as error:  # nothing is left to try, or a target has gone away
            self.problem = error
            self._limits.draining = True
            return None if self._live else Searcher.FINISHED
        self._live[trial_id] = _Live(trial)
        frozen = self._storage.get_trial(trial._trial_id)  # noqa: SLF001
        self._watcher.started(record.network_of(frozen), resumed=bool(frozen.intermediate_values))
        if self._attachments is not None:
            self._attachments.begin(trial, architecture)
        _log.info("Trial %d trains %s.", trial.number, architecture.fingerprint)
        return self._configure(trial.number, architecture)

    @override
    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Write an epoch into the study and return whether the training is to be stopped."""
        live = self._live.get(trial_id)
        if live is None or "epoch" not in result:
            return False
        if live.stopped_early:
            return True
        trial_key = live.trial._trial_id  # noqa: SLF001
        stored = self._storage.get_trial(trial_key)
        if int(result["epoch"]) not in stored.intermediate_values:  # else it was replayed from a checkpoint
            live.busy_s += float(result["seconds"]) - float(result.get("waited_seconds", 0.0))
            record.report_epoch(
                self._storage, stored, trial_key, result, now_s=time.time(), metric=self._metric
            )
            stored = self._storage.get_trial(trial_key)
            self._watcher.epoch(live.trial.number, record.network_of(stored).curve[-1])
        if result["final"]:
            return False
        if self._study.pruner.prune(self._study, stored):
            live.stopped_early = True
            record.explain(self._storage, trial_key, f"stopped early at epoch {int(result['epoch'])}")
        return live.stopped_early

    @override
    def stop_all(self) -> bool:
        """Return whether Tune is to stop everything; what runs stays RUNNING in the study."""
        return self._limits.over(time.monotonic())

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
        result = result or {}
        if self._attachments is not None and (result.get("final") or live.stopped_early):
            self._attachments.end(live.trial)  # before the end is told: a finished trial is closed
        if error or "error" in result:
            self._fail(live.trial, str(result.get("error", "the worker process died, three times")))
        elif result.get("final"):
            self._study.tell(live.trial.number, float(result[self._metric]), skip_if_finished=True)
            self._watcher.ended(live.trial.number, "complete", None)
            _log.info("Trial %d ended with %s %.4f.", live.trial.number, self._metric, result[self._metric])
        elif live.stopped_early:
            self._study.tell(live.trial.number, state=TrialState.PRUNED, skip_if_finished=True)
            self._watcher.ended(live.trial.number, "pruned", None)
            _log.info("Trial %d was stopped early.", live.trial.number)
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
        """Return whether no further training starts, whatever was asked for."""
        return self._limits.draining or self._limits.over(time.monotonic())

    def _enough(self) -> bool:
        if self._proposals.left_running:
            return False
        done = sum(map(record.trained, self._study.get_trials(deepcopy=False)))
        return done + len(self._live) >= self._limits.trials

    def _fail(self, trial: Trial, reason: str) -> None:
        record.explain(self._storage, trial._trial_id, reason)  # noqa: SLF001
        self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        self._watcher.ended(trial.number, "fail", reason)
        _log.warning("Trial %d failed: %s", trial.number, reason)
        self._failures += 1
        if self._failures >= self._limits.failures:
            self._limits.draining = True
            self.problem = UserError(
                f"{self._failures} trainings failed, the last because of: {reason} "
                f"Mend that, then give the same command again to go on."
            )
