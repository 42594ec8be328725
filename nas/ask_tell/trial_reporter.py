"""Reports epochs and outcomes of one study's trials to Optuna and to the observer of the search."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from nas.ask_tell.observer import SearchObserver
from nas.ask_tell.successive_halving import RungHalving
from nas.study import trial_attributes
from nas.study.int8_values import int8_drop, value_of
from nas.study.opened_study import OpenedStudy

_log = logging.getLogger(__name__)


class TrialReporter:
    """Reports epochs and outcomes of one study's trials to Optuna and to the observer.

    Args:
        opened: The study that everything is written into.
        observer: Receives the events of the search.
        metric: Metric that the search maximises, one of `trials.training.evaluation.METRICS`.
    """

    def __init__(self, opened: OpenedStudy, observer: SearchObserver, metric: str) -> None:
        self._opened, self._observer, self._metric = opened, observer, metric

    def epoch(self, number: int, result: Mapping[str, Any]) -> tuple[FrozenTrial, bool]:
        """Write an epoch, and return the trial as it is stored then and whether the epoch was new."""
        stored = self._opened.stored_trial(number)
        if int(result["epoch"]) in stored.intermediate_values:  # it was replayed from a checkpoint
            return stored, False
        trial_attributes.report_epoch(self._opened, stored, result, now_s=time.time(), metric=self._metric)
        stored = self._opened.stored_trial(number)
        if result.get("new_parameters") is not None and int(result["epoch"]) == 1:
            self._observer.say(
                f"#{number} inherited all but {result['new_parameters']:.1%} of its parameters"
            )
        if (drop := int8_drop(stored)) is not None:
            value, side = value_of(stored), "below" if drop >= 0 else "above"
            self._observer.say(f"#{number} in int8: {value:.2%}, {100 * abs(drop):.2f} points {side} fp32")
        self._observer.epoch(number, trial_attributes.network_of(stored).curve[-1])
        return stored, True

    def stops_early(self, trial: FrozenTrial) -> bool | None:
        """Decide whether a training is stopped after its last epoch, and write the decision.

        Returns:
            None while the decision has to wait for other trainings.
        """
        study, step = self._opened.study, trial.last_step
        halving = study.pruner if isinstance(study.pruner, RungHalving) else None
        if halving is not None and halving.waits(study.get_trials(deepcopy=False), trial):
            return None
        if not study.pruner.prune(study, trial):
            if halving is not None and halving.in_order and step is not None and step in halving.rungs:
                trial_attributes.let_go_on(self._opened, trial.number, step)
            return False
        reason = f"stopped early at epoch {step}"
        trial_attributes.decide(self._opened, trial.number, TrialState.PRUNED, reason)
        return True

    def completed(self, number: int) -> None:
        """Report that a training reached its last epoch, which is stored.

        What Ray Tune repeats of that epoch at the end has other keys for what is nested in it.
        """
        stored = self._opened.stored_trial(number)
        value, in_int8 = value_of(stored), int8_drop(stored) is not None
        self._opened.study.tell(number, value, skip_if_finished=True)
        reason = f"{value:.2%} in int8, which counts" if in_int8 else None
        self._observer.ended(number, "complete", reason, value)
        _log.info("Trial %d ended with %s %.4f.", number, self._metric, value)

    def stopped(self, number: int) -> None:
        """Report that a training was stopped early."""
        self._opened.study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
        self._observer.ended(number, "pruned", None)
        _log.info("Trial %d was stopped early.", number)

    def failed(self, number: int, reason: str) -> None:
        """Report that a training failed, and why."""
        trial_attributes.decide(self._opened, number, TrialState.FAIL, reason)
        self._opened.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        self._observer.ended(number, "fail", reason)
        _log.warning("Trial %d failed: %s", number, reason)
