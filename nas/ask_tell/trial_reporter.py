"""Tells the study, and whoever watches, what a training reports and how it ends."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.ask_tell.observer import SearchObserver
from nas.study import trial_attributes

_log = logging.getLogger(__name__)


class TrialReporter:
    """Of the trainings of one study.

    Args:
        study: Where everything is written.
        watcher: Who is told too.
        metric: What is raised, one of `trials.training.evaluation.METRICS`.
    """

    def __init__(self, study: optuna.Study, watcher: SearchObserver, metric: str) -> None:
        self._study, self._watcher, self._metric = study, watcher, metric
        self._storage = study._storage  # noqa: SLF001 -- Optuna has no public way to write without a tell

    def epoch(self, trial: Trial, result: Mapping[str, Any]) -> tuple[FrozenTrial, bool]:
        """Write an epoch, and return the trial as it is stored then and whether the epoch was news."""
        key, epoch = trial._trial_id, int(result["epoch"])  # noqa: SLF001
        stored = self._storage.get_trial(key)
        if epoch in stored.intermediate_values:  # it was replayed from a checkpoint
            return stored, False
        trial_attributes.report_epoch(
            self._storage, stored, key, result, now_s=time.time(), metric=self._metric
        )
        stored = self._storage.get_trial(key)
        self._watcher.epoch(trial.number, trial_attributes.network_of(stored).curve[-1])
        return stored, True

    def stops(self, trial: FrozenTrial) -> bool:
        """Decide whether a training is to be stopped early after its last epoch, and note it if so."""
        if not self._study.pruner.prune(self._study, trial):
            return False
        reason = f"stopped early at epoch {trial.last_step}"
        trial_attributes.decide(self._storage, trial._trial_id, TrialState.PRUNED, reason)  # noqa: SLF001
        return True

    def completed(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """Tell that a training reached its end."""
        value = float(result[self._metric])
        self._study.tell(trial.number, value, skip_if_finished=True)
        self._watcher.ended(trial.number, "complete", None)
        _log.info("Trial %d ended with %s %.4f.", trial.number, self._metric, value)

    def stopped(self, trial: Trial) -> None:
        """Tell that a training was stopped early."""
        self._study.tell(trial.number, state=TrialState.PRUNED, skip_if_finished=True)
        self._watcher.ended(trial.number, "pruned", None)
        _log.info("Trial %d was stopped early.", trial.number)

    def failed(self, trial: Trial, reason: str) -> None:
        """Tell that a training failed, and why."""
        trial_attributes.decide(self._storage, trial._trial_id, TrialState.FAIL, reason)  # noqa: SLF001
        self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        self._watcher.ended(trial.number, "fail", reason)
        _log.warning("Trial %d failed: %s", trial.number, reason)
