"""Keeps the last sign of life of a search in the storage, and tells from it whether the search runs."""

import socket
import time
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final, Literal

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from dashboards.search_state import SearchState
from nas.storage.optuna_internals import storage_of, study_id_of
from nas.study import trial_attributes
from nas.study.processes import has_ended, machine_id, this_process

BEAT_S: Final = 5.0
SILENCE_S: Final = 60.0  # of a process that cannot be looked at, which may be on a busy host
_OLD_SILENCE_S: Final = 600.0  # of a search by a version without heartbeats: an epoch may take that long
_KEY: Final = "nas:heartbeat"

Outcome = Literal["running", "interrupted", "ended"]


def beat(storage: BaseStorage, study_id: int, outcome: Outcome, *, now_s: float) -> None:
    """Write that this process is or was searching a study.

    Args:
        storage: Storage of the study.
        study_id: Optuna's number of the study.
        outcome: What the search does now.
        now_s: Seconds since 1970.
    """
    process, machine = this_process()
    if outcome != "running" and _is_anothers(_stored(storage, study_id), machine, now_s):
        return  # another driver goes on with the study
    record = {
        "state": outcome,
        "at": round(now_s, 1),
        "host": socket.gethostname(),
        "process": process,
        "machine": machine,
    }
    storage.set_study_system_attr(study_id, _KEY, record)


def search_state(study: optuna.Study, *, now_s: float | None = None) -> SearchState | None:
    """Return whether a study is being searched, None if nothing tells.

    Args:
        study: A study of ``nas search``.
        now_s: Seconds since 1970; by default now.
    """
    now_s = time.time() if now_s is None else now_s
    stored = _stored(storage_of(study), study_id_of(study))
    trials = study.get_trials(deepcopy=False)
    if stored is None:
        return _by_its_trials(trials, now_s)
    state: Outcome = stored["state"]
    if state == "running" and _is_dead(stored, now_s):
        state = "interrupted"
    return _state(state, float(stored["at"]), now_s)


def _stored(storage: BaseStorage, study_id: int) -> dict[str, Any] | None:
    stored: dict[str, Any] | None = storage.get_study_system_attrs(study_id).get(_KEY)
    return stored


def _is_dead(stored: dict[str, Any], now_s: float) -> bool:
    """Return whether the process that wrote a heartbeat has ended, or must have."""
    machine = str(stored["machine"])
    if machine and machine.rpartition(" ")[0] == machine_id():
        return has_ended(int(stored["process"]), machine)
    return now_s - float(stored["at"]) > SILENCE_S


def _is_anothers(stored: dict[str, Any] | None, machine: str, now_s: float) -> bool:
    if stored is None or stored["machine"] == machine or stored["state"] != "running":
        return False
    return not _is_dead(stored, now_s)


def _by_its_trials(trials: Sequence[FrozenTrial], now_s: float) -> SearchState | None:
    """Return the state of a search that an earlier version ran, if it has unfinished trials."""
    running = [t for t in trials if t.state == TrialState.RUNNING]
    signs = [t.datetime_start.astimezone(UTC).timestamp() for t in running if t.datetime_start is not None]
    signs += [ended for t in trials if (ended := trial_attributes.last_epoch_ended_s(t)) is not None]
    if not running or not signs:
        return None
    silent = now_s - max(signs) > _OLD_SILENCE_S
    return _state("interrupted" if silent else "running", max(signs), now_s)


def _state(state: Outcome, last_sign_s: float, now_s: float) -> SearchState:
    return SearchState(state=state, last_sign_s=last_sign_s, ago_s=max(0.0, now_s - last_sign_s))
