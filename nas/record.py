"""How one trial is written into a study and read back: the one place that knows the keys.

Everything is written while the trial runs, because Optuna makes a finished trial read-only.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from dashboards.result import Network
from search_spaces.architecture import Architecture
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
_ERRORS: Final = "standard_errors"  # epoch to standard error of its accuracy
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


def described(trial: FrozenTrial) -> bool:
    """Return whether `describe` was completed for this trial."""
    return ARCHITECTURE in trial.user_attrs


def decided(trial: FrozenTrial) -> bool:
    """Return whether it was decided already that a running trial is not trained on."""
    return REASON in trial.user_attrs or any(e > 0 for e in trial.system_attrs.get(_CONSTRAINTS, []))


def report_epoch(storage: BaseStorage, trial: FrozenTrial, trial_id: int, epoch: Mapping[str, Any]) -> None:
    """Write the accuracy after one epoch, unless the study has it already.

    Args:
        storage: Of the study.
        trial: The trial as it is stored now.
        trial_id: Its id in the storage.
        epoch: An `EpochResult` by field name.
    """
    step = int(epoch["epoch"])
    if step in trial.intermediate_values:
        return
    errors = {**trial.user_attrs.get(_ERRORS, {}), str(step): round(float(epoch["standard_error"]), 6)}
    storage.set_trial_user_attr(trial_id, _ERRORS, errors)
    storage.set_trial_user_attr(
        trial_id, "seconds", round(trial.user_attrs.get("seconds", 0.0) + float(epoch["seconds"]), 3)
    )
    storage.set_trial_intermediate_value(trial_id, step, float(epoch["accuracy"]))


def explain(storage: BaseStorage, trial_id: int, reason: str) -> None:
    """Write in words why a trial ended before its last epoch."""
    storage.set_trial_user_attr(trial_id, REASON, reason)


def trained(trial: FrozenTrial) -> bool:
    """Return whether a trial counts as a trained network: finished, or stopped early."""
    if trial.state == TrialState.COMPLETE:
        return True
    return trial.state == TrialState.PRUNED and bool(trial.intermediate_values)


def network_of(trial: FrozenTrial) -> Network:
    """Return what views show of a described trial."""
    attrs = trial.user_attrs
    epochs = max(trial.intermediate_values, default=0)
    constraints = trial.system_attrs.get(_CONSTRAINTS, [])
    return Network(
        trial=trial.number,
        state=trial.state.name.lower(),
        accuracy=trial.intermediate_values.get(epochs),
        standard_error=attrs.get(_ERRORS, {}).get(str(epochs)),
        epochs=epochs,
        costs={name: int(attrs[key]) for name, key in _COSTS.items()},
        fits=all(excess <= 0 for excess in constraints),
        seconds=float(attrs.get("seconds", 0.0)),
        latency_ms=attrs.get("latency_ms"),
        reason=attrs.get(REASON),
        architecture=str(attrs[ARCHITECTURE]),
    )
