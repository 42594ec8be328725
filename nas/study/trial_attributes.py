"""Writes trials into a study and reads them back; the only module that knows the keys of their attributes.

Everything is written while the trial runs, because Optuna makes a finished trial read-only.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from optuna.trial import FrozenTrial, TrialState

from dashboards.result import Epoch, TrialResult
from nas.study.int8_values import KEYS, int8_drop, int8_value, note_int8
from nas.study.opened_study import OpenedStudy
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.costs import Costs, column_of, cost_names
from trials.training.epoch_result import error_key

ARCHITECTURE: Final = "architecture"
FINGERPRINT: Final = "fingerprint"
REASON: Final = "reason"
_END: Final = "nas:end"  # the state in which a running trial is about to end
_WENT_ON: Final = "nas:went_on"  # the last rung after which a training was not stopped early
_ERRORS: Final = "standard_errors"  # epoch to standard error of its accuracy
_METRICS: Final = "metrics"  # epoch to everything that was found of it, by name
_STORED_METRICS: Final = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "train_loss")
_TIMES: Final = "epochs"  # epoch to when it ended, its seconds and how busy its device was
_DEVICE: Final = "device"
_OF_TRAINING: Final = (_DEVICE, "batch_size", "new_parameters")  # which the first epoch tells
_MEASURED: Final = "latency_ms@"  # and the target
_PREDICTED: Final = "latency_predicted_ms@"
# The dashboard reads constraints from this list and from nowhere else.
_CONSTRAINTS: Final = "constraints"
# Errors of what surrounds a training, as a worker writes them before their messages.
_NOT_THE_NETWORK: Final = tuple(f"{name}:" for name in (
    "DataError", "FilesError", "StorageError", "RecipeError", "CheckpointError", "DamagedCheckpointError",
    "OSError", "FileNotFoundError", "PermissionError", "ConnectionError", "TimeoutError", "BrokenPipeError",
    "ConnectionResetError", "ImportError", "ModuleNotFoundError", "AcceleratorError",
))  # fmt: skip
_TAKEN: Final = KEYS | {ARCHITECTURE, FINGERPRINT, REASON, _ERRORS, _METRICS, _TIMES, _DEVICE, "seconds"}


def describe(
    opened: OpenedStudy, number: int, architecture: Architecture, costs: Costs, excess: Sequence[float]
) -> None:
    """Write what is known of a trial before it trains.

    Args:
        opened: Its study.
        number: Number of a running trial.
        architecture: The network it trains.
        costs: What the network takes as budgets count it.
        excess: For each budget, by what share of the limit it is exceeded; 0 or less fits.
    """
    for name, cost in costs.items():
        opened.set_user_attribute(number, _cost_key(name), int(cost))
    opened.set_user_attribute(number, FINGERPRINT, architecture.fingerprint)
    opened.set_system_attribute(number, _CONSTRAINTS, [float(e) for e in excess])
    opened.set_user_attribute(number, ARCHITECTURE, architecture.to_json())  # last: the trial is complete now


@dataclass(frozen=True, slots=True)
class LatencyNotes:
    """Writes the latencies of a trial before it trains, as numbers that views can sort by.

    Attributes:
        opened: The study.
        number: Number of the trial.
    """

    opened: OpenedStudy
    number: int

    def predicted(self, target: str, mean_ms: float, stddev_ms: float) -> None:
        """Write the mean and standard deviation that were predicted for a measurement, milliseconds."""
        figures = [round(mean_ms, 6), round(stddev_ms, 6)]
        self.opened.set_user_attribute(self.number, f"{_PREDICTED}{target}", figures)

    def measured(self, target: str, median_ms: float) -> None:
        """Write the measured median, milliseconds."""
        self.opened.set_user_attribute(self.number, f"{_MEASURED}{target}", median_ms)


def described(trial: FrozenTrial) -> bool:
    """Return whether `describe` was completed for this trial."""
    return ARCHITECTURE in trial.user_attrs


def claim(opened: OpenedStudy, number: int, architecture: Architecture) -> None:
    """Write which network a trial will train, so that no other driver begins it too."""
    opened.set_user_attribute(number, FINGERPRINT, architecture.fingerprint)


def decided(trial: FrozenTrial) -> TrialState | None:
    """Return the state in which a running trial is already known to end, None if it goes on."""
    missed = any(e > 0 for e in trial.system_attrs.get(_CONSTRAINTS, []))
    return ending(trial) or (TrialState.PRUNED if missed else None)


def ending(trial: FrozenTrial) -> TrialState | None:
    """Return the state that `decide` wrote for a running trial, None if it did not."""
    return TrialState[str(trial.system_attrs[_END])] if _END in trial.system_attrs else None


def report_epoch(
    opened: OpenedStudy,
    trial: FrozenTrial,
    epoch: Mapping[str, Any],
    *,
    now_s: float,
    metric: str = "accuracy",
) -> None:
    """Write the results of one epoch, unless the study has them already.

    Args:
        opened: The study.
        trial: The trial as it is stored now.
        epoch: An `EpochResult` by field name, and ``device`` and ``device_use`` where a GPU trained.
        now_s: Seconds since 1970.
        metric: Metric that the search maximises; it becomes the value of the epoch.
    """
    step, number = int(epoch["epoch"]), trial.number
    if step in trial.intermediate_values:
        return
    error = epoch[error_key(metric)]
    metrics = {name: round(float(epoch[name]), 6) for name in _STORED_METRICS if epoch.get(name) is not None}
    times = [round(now_s, 1), round(float(epoch["seconds"]), 3), epoch.get("device_use")]
    for name, entry in ((_METRICS, metrics), (_TIMES, times), (_ERRORS, round(float(error), 6))):
        opened.set_user_attribute(number, name, {**trial.user_attrs.get(name, {}), str(step): entry})
    for name in _OF_TRAINING:
        if epoch.get(name) is not None and name not in trial.user_attrs:
            opened.set_user_attribute(number, name, epoch[name])
    note_int8(opened, number, epoch, metric)
    known = {**trial.user_attrs.get(_TIMES, {}), str(step): times}
    # A process may have been killed between these attributes and the value: nothing is counted twice.
    whole = trial.user_attrs.get("seconds", 0.0) + float(epoch["seconds"])
    seconds = sum(entry[1] for entry in known.values()) if len(known) == step else whole
    opened.set_user_attribute(number, "seconds", round(seconds, 3))
    opened.storage.set_trial_intermediate_value(opened.trial_id(number), step, float(epoch[metric]))


def decide(opened: OpenedStudy, number: int, state: TrialState, reason: str) -> None:
    """Write how a trial ends before its last epoch and why, before the study ends it.

    Args:
        opened: The study.
        number: Number of a running trial.
        state: FAIL or PRUNED.
        reason: The reason in words.
    """
    opened.set_user_attribute(number, REASON, reason)
    opened.set_system_attribute(number, _END, state.name)


def network_failed(trial: FrozenTrial) -> bool:
    """Return whether a trial failed because of its network, which would fail again.

    Not so if its training never began, or if something around it was missing.
    """
    if trial.state != TrialState.FAIL or not described(trial):
        return False
    return not str(trial.user_attrs.get(REASON, "")).startswith(_NOT_THE_NETWORK)


def let_go_on(opened: OpenedStudy, number: int, rung: int) -> None:
    """Write that a running trial was not stopped early after an epoch."""
    opened.set_system_attribute(number, _WENT_ON, rung)


def went_on(trial: FrozenTrial, rung: int) -> bool:
    """Return whether a trial trained on, or was to, after the epoch of a rung."""
    decided_at = trial.system_attrs.get(_WENT_ON, 0)
    return decided_at >= rung or max(trial.intermediate_values, default=0) > rung


def as_it_was(trial: FrozenTrial, epoch: int) -> FrozenTrial:
    """Return a trial as samplers may see it before its end is known.

    Args:
        trial: As it is stored.
        epoch: Epoch up to which its curve is known. It looks stopped there, because samplers learn from the
            curve of a trial only once it has ended. 0 for a trial of which only the network is known.
    """
    earlier = copy.copy(trial)
    earlier.intermediate_values = {s: v for s, v in trial.intermediate_values.items() if s <= epoch}
    earlier.state = TrialState.PRUNED if earlier.intermediate_values else TrialState.RUNNING
    earlier.values = [earlier.intermediate_values[epoch]] if epoch else None
    earlier.datetime_complete = trial.datetime_start if epoch else None
    known = {ARCHITECTURE, FINGERPRINT}
    earlier.user_attrs = {name: value for name, value in trial.user_attrs.items() if name in known}
    earlier.system_attrs = {k: v for k, v in trial.system_attrs.items() if k not in {_END, _WENT_ON}}
    return earlier


def excess_of(trial: FrozenTrial) -> tuple[float, ...]:
    """Return the share by which a described trial exceeds each budget of its study; 0 or less fits."""
    return tuple(trial.system_attrs.get(_CONSTRAINTS, ()))


def trained(trial: FrozenTrial) -> bool:
    """Return whether a trial counts as a trained network: finished, or stopped early."""
    if trial.state == TrialState.COMPLETE:
        return True
    return trial.state == TrialState.PRUNED and bool(trial.intermediate_values)


def architecture_of(trial: FrozenTrial) -> Architecture:
    """Return the architecture of a described trial.

    Raises:
        ArchitectureError: if another version of this project wrote it.
    """
    return _parsed(str(trial.user_attrs[ARCHITECTURE]))


@lru_cache(maxsize=2**13)  # a study's trials are read again after every epoch
def _parsed(text: str) -> Architecture:
    return Architecture.from_json(text)


def network_of(trial: FrozenTrial, budgets: Sequence[Budget] = ()) -> TrialResult:
    """Return what views show of a described trial.

    Args:
        trial: As it is stored.
        budgets: Of its study, in the order of the constraints.
    """
    attrs, epochs = trial.user_attrs, max(trial.intermediate_values, default=0)
    fp32, int8 = trial.intermediate_values.get(epochs), int8_value(trial)
    accuracy, error = (fp32, _error(trial, epochs)) if int8 is None else int8
    constraints = trial.system_attrs.get(_CONSTRAINTS, [])
    named = len(budgets) == len(constraints) > 0
    return TrialResult(
        trial=trial.number,
        state=trial.state.name.lower(),
        accuracy=accuracy,
        standard_error=error,
        epochs=epochs,
        costs={name: int(attrs[key]) for name in cost_names() if (key := _cost_key(name)) in attrs},
        fits=all(excess <= 0 for excess in constraints),
        seconds=float(attrs.get("seconds", 0.0)),
        latency_ms=_by_target(attrs, _MEASURED),
        reason=attrs.get(REASON),
        architecture=architecture_of(trial),
        curve=tuple(_epoch(trial, step) for step in sorted(trial.intermediate_values)),
        excess=dict(zip(map(str, budgets), constraints, strict=True)) if named else None,
        predicted_ms=_by_target(
            {k: tuple(v) for k, v in attrs.items() if k.startswith(_PREDICTED)}, _PREDICTED
        ),
        device=attrs.get(_DEVICE),
        fp32_accuracy=None if int8 is None else fp32,
        int8_drop=int8_drop(trial),
    )


def last_epoch_ended_s(trial: FrozenTrial) -> float | None:
    """Return when the last epoch of a trial ended, in seconds since 1970; None if unknown."""
    ends = [times[0] for times in trial.user_attrs.get(_TIMES, {}).values() if times[0] is not None]
    return max(ends, default=None)


def _cost_key(name: str) -> str:
    """Return the attribute that holds a cost: its name with its unit, ``macs`` or ``peak_bytes``."""
    key = column_of(name)
    return f"cost_{key}" if key in _TAKEN else key


def _epoch(trial: FrozenTrial, step: int) -> Epoch:
    ended_s, seconds, use = trial.user_attrs.get(_TIMES, {}).get(str(step), (None, 0.0, None))
    return Epoch(
        epoch=step,
        accuracy=trial.intermediate_values[step],
        standard_error=_error(trial, step),
        seconds=seconds,
        ended_s=ended_s,
        device_use=use,
    )


def _error(trial: FrozenTrial, step: int) -> float | None:
    """Return the standard error of an epoch; None where an earlier version stored 0, which it never is."""
    error: float | None = trial.user_attrs.get(_ERRORS, {}).get(str(step))
    return error or None


def _by_target(attrs: Mapping[str, Any], prefix: str) -> dict[str, Any] | None:
    """Return the attributes whose names begin with a prefix by the target that follows, None if none do."""
    return {k.removeprefix(prefix): v for k, v in attrs.items() if k.startswith(prefix)} or None
