"""Keys of trials by which a study holds what the int8 forms of networks reach, and how much is lost by them.

Trials of studies whose networks are deployed in fp32, and of earlier versions, have none of these keys.
"""

from collections.abc import Mapping
from typing import Any, Final

from optuna.trial import FrozenTrial

from nas.study.opened_study import OpenedStudy
from trials.training.epoch_result import error_key

_INT8: Final = "int8"  # the metric of the search in the int8 form, after the last epoch
_ERROR: Final = "int8_error"
_DROP: Final = "int8_drop"  # by how much it is below that of the last epoch, in fp32

KEYS: Final = frozenset({_INT8, _ERROR, _DROP})


def note_int8(opened: OpenedStudy, number: int, epoch: Mapping[str, Any], metric: str) -> None:
    """Write what the int8 form of a network reaches, if an epoch tells it.

    Args:
        opened: The study.
        number: Number of a running trial.
        epoch: An `EpochResult` by field name.
        metric: Metric that the search maximises.
    """
    if (int8 := epoch.get("int8")) is None:
        return
    drop = float(epoch[metric]) - float(int8[metric])
    for name, value in ((_INT8, int8[metric]), (_ERROR, int8[error_key(metric)]), (_DROP, drop)):
        opened.set_user_attribute(number, name, round(float(value), 6))


def value_of(trial: FrozenTrial) -> float:
    """Return what a trial is worth by its last epoch: the int8 form where that was evaluated, else fp32."""
    int8 = int8_value(trial)
    return trial.intermediate_values[max(trial.intermediate_values)] if int8 is None else int8[0]


def int8_value(trial: FrozenTrial) -> tuple[float, float | None] | None:
    """Return the metric of a network's int8 form and its standard error; None if it was not evaluated."""
    attrs = trial.user_attrs
    return None if _INT8 not in attrs else (float(attrs[_INT8]), attrs.get(_ERROR) or None)


def int8_drop(trial: FrozenTrial) -> float | None:
    """Return by how much a network's int8 form is worse than itself; None if it was not evaluated."""
    drop: float | None = trial.user_attrs.get(_DROP)
    return drop
