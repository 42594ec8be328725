"""What a storage keeps of searches: each with the disk it uses, renamed or deleted."""

import json
import logging
from dataclasses import asdict, dataclass
from typing import Any, Final

import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import Connection, text

from nas.coordination.driver_session import unused
from nas.files.local_files import LocalFiles
from nas.files.locating import files_of
from nas.storage.database import storage_errors
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.naming import checked_name
from nas.study.results import result_of
from nas.study.study import FOLDER, find, is_ours
from search_spaces.errors import FilesError, StudyError

_log = logging.getLogger(__name__)

_OURS: Final = ("trials", "retrained", "artifacts", "tensorboard", "ray", "search.log", "driver.lock")
"""What searches and retrainings write into a study's folder; nothing else in it is ever deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStudy:
    """One search in a storage.

    Attributes:
        study: Its name.
        budgets: The most that its networks may take, as written.
        data: The images.
        trained: Networks trained to the end or stopped early.
        running: Trials that run, or that a killed search left running.
        accuracy: Validation accuracy of its best network, in [0, 1]; None if there is none yet.
        begun: When its first trial began, ISO 8601; None if it has none.
        folder: Where its checkpoints and weights lie, a path or a URL.
        disk_bytes: What they take there; 0 if this machine cannot see them.
    """

    study: str
    budgets: tuple[str, ...]
    data: str
    trained: int
    running: int
    accuracy: float | None
    begun: str | None
    folder: str
    disk_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def kept_studies(storage: RDBStorage) -> tuple[KeptStudy, ...]:
    """Return the searches in a storage, the oldest first."""
    summaries = optuna.get_all_study_summaries(storage=storage)
    return tuple(_kept(storage, s.study_name) for s in summaries if is_ours(s.user_attrs))


def rename(storage: RDBStorage, name: str, new: str) -> None:
    """Call a study `new`, and move its folder along where that bears its name; behind a URL nothing moves.

    Raises:
        StudyError: if there is no such study, it is being searched, or the new name cannot be taken.
    """
    study = find(storage, name)
    if checked_name(new) in optuna.get_all_study_names(storage=storage):
        raise StudyError(f"Cannot rename '{name}': a study is called '{new}' already. Choose another name.")
    files = files_of(study)
    old = files.own
    folder = old.with_name(new) if old.name == name else old
    if folder != old and folder.exists():
        raise StudyError(f"Cannot rename '{name}': '{folder}' is there already. Choose another name.")
    with Store(storage.url):  # our tables are there now
        pass
    with unused(study), storage_errors(storage.url), storage.engine.begin() as connection:
        _write_name(connection, study, new, str(folder) if files.where == str(old) else files.where)
        if folder != old and old.exists():
            old.rename(folder)  # last before the commit: fails as a whole or not at all


def delete(storage: RDBStorage, name: str) -> None:
    """Delete a study with its checkpoints, weights and log; the latencies it measured stay.

    Raises:
        StudyError: if there is no such study, or it is being searched.
    """
    study = find(storage, name)
    files = files_of(study)
    folder = files.own
    files.check()  # before anything goes: can the rest be removed?
    with unused(study):
        optuna.delete_study(study_name=study.study_name, storage=storage)
        with Store(storage.url) as store:
            store.forget_exports(study.study_name)
        files.remove(_OURS)
        if files.where != str(folder):
            LocalFiles(folder).remove(_OURS)
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def _disk_bytes(study: optuna.Study) -> int:
    try:
        return files_of(study).disk_bytes()
    except FilesError as error:  # one store that is away must not hide all other studies
        _log.warning("%s", error)
        return 0


def _kept(storage: RDBStorage, name: str) -> KeptStudy:
    study = optuna.load_study(study_name=name, storage=storage)
    trials = study.get_trials(deepcopy=False)
    result = result_of(study)
    begun = min((t.datetime_start for t in trials if t.datetime_start is not None), default=None)
    return KeptStudy(
        study=name,
        budgets=tuple(map(str, result.budgets)),
        data=result.data,
        trained=sum(map(trial_attributes.trained, trials)),
        running=sum(t.state == TrialState.RUNNING for t in trials),
        accuracy=None if result.best is None else result.best.accuracy,
        begun=None if begun is None else begun.isoformat(timespec="seconds"),
        folder=result.folder,
        disk_bytes=_disk_bytes(study),
    )


def _write_name(connection: Connection, study: optuna.Study, new: str, folder: str) -> None:
    """Write name and folder in one transaction; Optuna offers no renaming of its own."""
    key = study._study_id  # noqa: SLF001 -- Optuna has no public way
    connection.execute(
        text("update studies set study_name = :new where study_id = :key"), {"new": new, "key": key}
    )
    connection.execute(
        text("update study_user_attributes set value_json = :folder where study_id = :key and key = :name"),
        {"folder": json.dumps(folder), "key": key, "name": FOLDER},
    )
    connection.execute(
        text("update nas_exports set study = :new where study = :old"),
        {"new": new, "old": study.study_name},
    )
