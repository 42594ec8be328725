"""How one trial is written into a study and read back: the one place that knows the keys.

Everything is written while the trial runs, because Optuna makes a finished trial read-only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from dashboards.result import Epoch, TrialResult
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.counting import Costs

ARCHITECTURE: Final = "architecture"
FINGERPRINT: Final = "fingerprint"
REASON: Final = "reason"
_COSTS: Final = {
    "macs": "macs",
    "params": "params",
    "activations": "activations",
    "peak": "peak_bytes",
    "weights": "weights_bytes",
}
_END: Final = "nas:end"  # the state that a running trial is about to be told
_ERRORS: Final = "standard_errors"  # epoch to standard error of its accuracy
_METRICS: Final = "metrics"  # epoch to everything that was found of it, by name
_FOUND: Final = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "train_loss")
_TIMES: Final = "epochs"  # epoch to when it ended, its seconds and how busy its device was
_DEVICE: Final = "device"
_MEASURED: Final = "latency_ms@"  # and the target
_PREDICTED: Final = "latency_predicted_ms@"
# The dashboard reads constraints from this list and from nowhere else.
_CONSTRAINTS: Final = "constraints"


def describe(trial: Trial, architecture: Architecture, costs: Costs, excess: Sequence[float]) -> None:
    """Write what is known of a trial before it trains.

    Args:
        trial: A running trial.
        architecture: The network it trains.
        costs: What the network takes as budgets count it.
        excess: For each budget, by what share of the limit it is exceeded; 0 or less fits.
    """
    storage, trial_id = trial.study._storage, trial._trial_id  # noqa: SLF001 -- Optuna has no public way
    for name, key in _COSTS.items():
        storage.set_trial_user_attr(trial_id, key, int(getattr(costs, name)))
    storage.set_trial_user_attr(trial_id, FINGERPRINT, architecture.fingerprint)
    storage.set_trial_system_attr(trial_id, _CONSTRAINTS, [float(e) for e in excess])
    storage.set_trial_user_attr(trial_id, ARCHITECTURE, architecture.to_json())  # last: now it is whole


@dataclass(frozen=True, slots=True)
class LatencyNotes:
    """Writes what is found of a trial's latencies before it trains, as numbers that views can sort by.

    Attributes:
        storage: Of the study.
        trial_id: Of the trial in it.
    """

    storage: BaseStorage
    trial_id: int

    def predicted(self, target: str, mean_ms: float, stddev_ms: float) -> None:
        """Write what a measurement was expected to find."""
        told = [round(mean_ms, 6), round(stddev_ms, 6)]
        self.storage.set_trial_user_attr(self.trial_id, f"{_PREDICTED}{target}", told)

    def measured(self, target: str, median_ms: float) -> None:
        """Write what a measurement found."""
        self.storage.set_trial_user_attr(self.trial_id, f"{_MEASURED}{target}", median_ms)


def described(trial: FrozenTrial) -> bool:
    """Return whether `describe` was completed for this trial."""
    return ARCHITECTURE in trial.user_attrs


def claim(storage: BaseStorage, trial_id: int, architecture: Architecture) -> None:
    """Write which network a trial is about, so that no other driver begins it too."""
    storage.set_trial_user_attr(trial_id, FINGERPRINT, architecture.fingerprint)


def decided(trial: FrozenTrial) -> TrialState | None:
    """Return the state in which it was decided already that a running trial ends, None if it trains on."""
    if _END in trial.system_attrs:
        return TrialState[str(trial.system_attrs[_END])]
    missed = any(e > 0 for e in trial.system_attrs.get(_CONSTRAINTS, []))
    return TrialState.PRUNED if missed else None


def report_epoch(
    storage: BaseStorage,
    trial: FrozenTrial,
    trial_id: int,
    epoch: Mapping[str, Any],
    *,
    now_s: float,
    metric: str = "accuracy",
) -> None:
    """Write what was found after one epoch, unless the study has it already.

    Args:
        storage: Of the study.
        trial: The trial as it is stored now.
        trial_id: Its id in the storage.
        epoch: An `EpochResult` by field name, and ``device`` and ``device_use`` where a GPU trained.
        now_s: Seconds since 1970.
        metric: What the search raises; it becomes the value of the epoch.
    """
    step = int(epoch["epoch"])
    if step in trial.intermediate_values:
        return
    error = epoch["standard_error" if metric == "accuracy" else f"{metric}_error"]
    errors = {**trial.user_attrs.get(_ERRORS, {}), str(step): round(float(error), 6)}
    found = {name: round(float(epoch[name]), 6) for name in _FOUND if epoch.get(name) is not None}
    storage.set_trial_user_attr(trial_id, _METRICS, {**trial.user_attrs.get(_METRICS, {}), str(step): found})
    storage.set_trial_user_attr(trial_id, _ERRORS, errors)
    times = [round(now_s, 1), round(float(epoch["seconds"]), 3), epoch.get("device_use")]
    storage.set_trial_user_attr(trial_id, _TIMES, {**trial.user_attrs.get(_TIMES, {}), str(step): times})
    if "device" in epoch and _DEVICE not in trial.user_attrs:
        storage.set_trial_user_attr(trial_id, _DEVICE, str(epoch["device"]))
    storage.set_trial_user_attr(
        trial_id, "seconds", round(trial.user_attrs.get("seconds", 0.0) + float(epoch["seconds"]), 3)
    )
    storage.set_trial_intermediate_value(trial_id, step, float(epoch[metric]))


def decide(storage: BaseStorage, trial_id: int, state: TrialState, reason: str) -> None:
    """Write in words why a trial ends before its last epoch, and how, before the study is told.

    Args:
        storage: Of the study.
        trial_id: Its id in the storage.
        state: FAIL or PRUNED.
        reason: In words.
    """
    storage.set_trial_user_attr(trial_id, REASON, reason)
    storage.set_trial_system_attr(trial_id, _END, state.name)


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
    attrs = trial.user_attrs
    epochs = max(trial.intermediate_values, default=0)
    constraints = trial.system_attrs.get(_CONSTRAINTS, [])
    named = len(budgets) == len(constraints) > 0
    return TrialResult(
        trial=trial.number,
        state=trial.state.name.lower(),
        accuracy=trial.intermediate_values.get(epochs),
        standard_error=attrs.get(_ERRORS, {}).get(str(epochs)),
        epochs=epochs,
        costs={name: int(attrs[key]) for name, key in _COSTS.items()},
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
    )


def _epoch(trial: FrozenTrial, step: int) -> Epoch:
    ended_s, seconds, use = trial.user_attrs.get(_TIMES, {}).get(str(step), (None, 0.0, None))
    return Epoch(
        epoch=step,
        accuracy=trial.intermediate_values[step],
        standard_error=trial.user_attrs.get(_ERRORS, {}).get(str(step)),
        seconds=seconds,
        ended_s=ended_s,
        device_use=use,
    )


def _by_target(attrs: Mapping[str, Any], prefix: str) -> dict[str, Any] | None:
    """Return the attributes whose names begin with a prefix by the target that follows, None if none do."""
    return {k.removeprefix(prefix): v for k, v in attrs.items() if k.startswith(prefix)} or None
