"""Finds inconsistencies of a study in the database, and between the database and the files.

A resumed search repairs what a crash left. Reported here is what it would not repair by itself, or what shows
that another program wrote to the study.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from nas.administration.supernet_consistency import supernet_problems
from nas.coordination.trial_ownership import EVALUATION
from nas.files.locating import files_of
from nas.files.study_files import StudyFiles
from nas.storage.database import connect, storage_errors
from nas.storage.optuna_internals import study_id_of
from nas.storage.schema import DriverRow, LeaseRow
from nas.study import trial_attributes
from nas.study.compared_training import training_of
from nas.study.expected_values import expected_values
from nas.study.int8_values import int8_value
from nas.study.naming import trial_folder
from nas.study.processes import has_ended
from nas.study.study import settings_of
from search_spaces.errors import FilesError, UserError
from trials.training.atomic_writing import is_draft
from trials.training.checkpoint_file import check_checkpoint
from trials.training.errors import DamagedCheckpointError
from trials.training.file_names import CHECKPOINT

_MOMENT_S: Final = 1.0
_ROUNDED: Final = 1e-6  # what is stored of an int8 form is rounded to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One inconsistency.

    Attributes:
        study: Name of the study.
        trial: Number of the trial; None for the study as a whole.
        problem: What is wrong and what to do.
    """

    study: str
    trial: int | None
    problem: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def findings(study: optuna.Study, url: str) -> tuple[Finding, ...]:
    """Return the inconsistencies of a study of ``nas search``; nothing is changed.

    Args:
        study: Study to check.
        url: URL of its storage.
    """
    trials = study.get_trials(deepcopy=False)
    files = files_of(study)
    found: list[tuple[int | None, str]] = [(None, p) for p in _of_study(study, files)]
    found += [(t.number, p) for t in trials for p in _of_trial(t)]
    try:
        there: dict[str, list[str]] = {}
        for name in files.sizes("trials"):
            there.setdefault(name.rpartition("/")[0], []).append(name)
        found += [
            (t.number, p) for t in trials for p in _of_files(t, files, there.get(trial_folder(t.number), []))
        ]
    except FilesError as error:
        found.append((None, f"its files cannot be read: {error}"))
    found += [(None, problem) for problem in supernet_problems(study)]
    found += _duplicates(trials)
    found += _leases(study, trials, url)
    return tuple(Finding(study=study.study_name, trial=t, problem=p) for t, p in found)


def _of_study(study: optuna.Study, files: StudyFiles) -> Iterator[str]:
    try:
        settings_of(study)
    except (UserError, KeyError, TypeError) as error:
        yield f"its settings cannot be read ({error}); continue it with the version that started it"
    if files.unreachable():
        yield (
            f"its folder '{files.location}' is not on this host: running trials would start again and "
            f"nothing can be exported; use the host of the search"
        )


def _of_trial(trial: FrozenTrial) -> Iterator[str]:
    if trial_attributes.described(trial):
        yield from _architecture(trial)
    elif trial_attributes.trained(trial):
        yield "was trained but has no architecture; another program wrote it"
    steps = sorted(trial.intermediate_values)
    if steps != list(range(1, len(steps) + 1)):
        yield f"its learning curve has a gap: {steps}"
    if trial.state == TrialState.COMPLETE and steps and not _as_ended(trial):
        yield "its value is not that of its last epoch; another program wrote it"


def _as_ended(trial: FrozenTrial) -> bool:
    """Return whether the value of a complete trial is the one that its last epoch reported.

    Earlier versions stored that in fp32 for networks that are deployed in int8 too.
    """
    int8 = int8_value(trial)
    if trial.value == trial.intermediate_values[max(trial.intermediate_values)]:
        return True
    return int8 is not None and trial.value is not None and abs(trial.value - int8[0]) < _ROUNDED


def _of_files(trial: FrozenTrial, files: StudyFiles, there: list[str]) -> Iterator[str]:
    place = trial_folder(trial.number)
    if trial.state == TrialState.RUNNING and f"{place}/{CHECKPOINT}" in there:
        try:
            with files.fetched(f"{place}/{CHECKPOINT}") as checkpoint:
                check_checkpoint(checkpoint)
        except FileNotFoundError:
            return  # the running search has removed it
        except DamagedCheckpointError as error:
            yield f"{error} The search restarts this trial by itself"
    if trial.state.is_finished():
        for name in (n for n in there if n.startswith(f"{place}/") and is_draft(n)):
            yield f"a process was killed while it wrote '{files.place(name)}'; delete this file"


def _architecture(trial: FrozenTrial) -> Iterator[str]:
    try:
        fingerprint = trial_attributes.architecture_of(trial).fingerprint
    except UserError as error:
        yield f"its network cannot be read ({error})"
        return
    if fingerprint != trial.user_attrs.get(trial_attributes.FINGERPRINT):
        yield "its network does not match its fingerprint; another program wrote it"


def _duplicates(trials: list[FrozenTrial]) -> list[tuple[int | None, str]]:
    first: dict[object, int] = {}
    found: list[tuple[int | None, str]] = []
    for trial in filter(trial_attributes.trained, trials):
        # A comparison trains each network from several seeds.
        fingerprint = training_of(trial) or trial.user_attrs.get(trial_attributes.FINGERPRINT)
        if fingerprint in first:
            found.append((trial.number, f"is the same network as trial {first[fingerprint]}"))
        elif fingerprint is not None:
            first[fingerprint] = trial.number
    return found


def _leases(study: optuna.Study, trials: list[FrozenTrial], url: str) -> list[tuple[int | None, str]]:
    """Return the problems of drivers and leases."""
    number = study_id_of(study)
    engine = connect(url)
    try:
        with storage_errors(url), Session(engine) as session:
            drivers = session.scalars(select(DriverRow).where(DriverRow.study_id == number)).all()
        left = _without_trial(study, trials, engine, url)
        if (
            left
        ):  # a live driver begins and ends trials meanwhile, and takes or drops their leases a moment later
            time.sleep(_MOMENT_S)
            left &= _without_trial(study, study.get_trials(deepcopy=False), engine, url)
    finally:
        engine.dispose()
    gone = [d for d in drivers if has_ended(d.process, d.machine)]
    found: list[tuple[int | None, str]] = [
        (None, f"its driver, process {d.process} on {d.host}, has ended; the next search releases its trials")
        for d in gone
    ]
    for trial in sorted(left):
        if trial == EVALUATION:
            found.append((None, "its evaluator has a lease but has ended"))
        else:
            found.append((trial, "has a lease but does not run"))
    return found


def _without_trial(study: optuna.Study, trials: list[FrozenTrial], engine: Engine, url: str) -> set[int]:
    """Return the numbers with a lease, of trials that do not run, or of an evaluator that has ended."""
    of_study = select(LeaseRow.trial).where(LeaseRow.study_id == study_id_of(study))
    with storage_errors(url), Session(engine) as session:
        leased = set(session.scalars(of_study))
    running = {t.number for t in trials if t.state == TrialState.RUNNING}
    if not _evaluated(study):
        running.add(EVALUATION)  # a supernet is trained, or its driver was killed meanwhile
    return leased - running


def _evaluated(study: optuna.Study) -> bool:
    """Return whether the evaluator of a study has ended."""
    try:
        return expected_values(study.user_attrs) is not None
    except UserError:  # of another version, which `supernet_problems` says
        return False
