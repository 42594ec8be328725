"""Lists the studies of a storage with the disk space of each, and deletes them."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from dashboards.search_state import SearchState
from dashboards.supernet_state import SupernetState
from nas.coordination.driver_session import without_drivers
from nas.files.local_files import LocalFiles
from nas.files.locating import files_of
from nas.files.ownership import is_own
from nas.files.study_files import StudyFiles
from nas.files.study_images import image_cache_of
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.donor import DONOR_FILE, DONORS_FOLDER
from nas.study.expected_values import SUPERNET_FOLDER
from nas.study.naming import NODE_TOKEN
from nas.study.places import MARK, identity_of
from nas.study.results import result_of
from nas.study.study import SETTINGS, comparison_subject, find, is_ours, names_of_searches
from search_spaces.errors import FilesError, UserError, reason_of
from search_spaces.units import counted
from trials.training.output_folders import FOLDER as OUTPUTS
from trials.training.output_folders import forget

_log = logging.getLogger(__name__)

_OURS: Final = (
    "trials",
    "retrained",
    "artifacts",
    DONOR_FILE,
    DONORS_FOLDER,
    SUPERNET_FOLDER,
    "tensorboard",
    "ray",
    NODE_TOKEN,
    "search.log",
)
"""Names that searches and retrainings write to a study's folder; besides `_LAST` nothing else is deleted."""
_LAST: Final = ("driver.lock", MARK)
"""Names that keep others out of the folder as long as they are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """Summary of one study of ``nas search``.

    Attributes:
        study: Name of the study.
        budgets: Budgets as written by the user.
        data: Images as named by the user.
        trained: Number of networks that were fully trained or stopped early.
        running: Number of trials that run, or that a killed search left running.
        accuracy: Metric of the search that its best network reached on validation images, in [0, 1]; None
            before the first.
        metric: Name of that metric.
        begun: Start of its first trial, ISO 8601; None before it.
        folder: Path or URL of its checkpoints and weights.
        disk_bytes: Disk space of these files in bytes; 0 if this machine cannot see them.
        state: Whether the search runs; None if nothing tells.
        supernet: How far its supernet is; None without one.
        compares: Search whose network a comparison compares, "" for networks alone; None for a search.
    """

    study: str
    budgets: tuple[str, ...]
    data: str
    trained: int
    running: int
    accuracy: float | None
    metric: str
    begun: str | None
    folder: str
    disk_bytes: int
    state: SearchState | None = None
    supernet: SupernetState | None = None
    compares: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        supernet = {} if self.supernet is None else {"supernet": self.supernet.to_json()}
        state = None if self.state is None else self.state.to_json()
        fields = {name: value for name, value in asdict(self).items() if name != "supernet"}
        return {**fields, "state": state, **supernet}


def study_summaries(storage: RDBStorage) -> tuple[StudySummary, ...]:
    """Return the studies of ``nas search`` in a storage, oldest first.

    One that cannot be read, such as a later version's, is left out with a warning.
    """
    found = []
    with Store(storage.url) as store:
        for summary in optuna.get_all_study_summaries(storage=storage):
            if is_ours(summary.user_attrs):
                try:
                    found.append(_summary(storage, summary.study_name, store))
                except UserError as error:
                    _log.warning("'%s' is left out: %s", summary.study_name, error)
    return tuple(found)


def delete(storage: RDBStorage, name: str) -> tuple[str, ...]:
    """Delete a study with its checkpoints, weights and log; its latency measurements are kept.

    What a teacher said for it is deleted too, on this machine, unless another study uses it.

    Returns:
        Folders and URLs whose files were left, because nothing shows that they belong to this storage.

    Raises:
        StudyError: if there is no such study, or a search runs on it.
        FilesError: if a file cannot be deleted; the study is still there then.
    """
    study = find(storage, name)
    files = files_of(study)
    beside = LocalFiles(files.local_folder)  # the same folder, or log and lock of files behind a URL
    files.check()  # fail before anything is deleted if the files cannot be reached
    places: list[StudyFiles] = [files] if files.shared_folder is not None else [files, beside]
    own = [place for place in places if is_own(study, place)]
    identity, outputs = identity_of(study), image_cache_of(study) / OUTPUTS
    with without_drivers(study):
        for place in own:  # first: whoever is killed here, or may not delete one, gives the command again
            _remove(place, _OURS)
        optuna.delete_study(study_name=study.study_name, storage=storage)
        with Store(storage.url) as store:
            store.delete_exports(study.study_name)
        for place in own:
            _remove(place, _LAST)
        if identity is not None:
            forget(outputs, identity)
        folder = beside.local_folder
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
    return tuple(
        place.location for place in places if place not in own and any(map(place.exists, (*_OURS, *_LAST)))
    )


def deletion_question(storage: RDBStorage, name: str) -> str:
    """Return the question to ask before a study is deleted.

    Of one that cannot be read, such as a later version's, it names the folder alone.

    Raises:
        StudyError: if there is no such study.
    """
    study = find(storage, name)
    try:
        with Store(storage.url) as store:
            content = f"{counted(_summary(storage, name, store).trained, 'network')} and "
    except UserError as error:
        _log.warning("'%s' cannot be read: %s", name, error)
        content = ""
    question = f"Delete '{name}' with {content}{files_of(study).location}?"
    users = [user.study_name for user in users_of_supernet(storage, name)]
    return (
        f"{', '.join(users)} use its supernet, and keep its readings alone. {question}" if users else question
    )


def _remove(files: StudyFiles, names: Sequence[str]) -> None:
    try:
        files.remove(names)
    except OSError as error:
        raise FilesError(
            f"Cannot delete '{error.filename or files.location}': {reason_of(error)}. Make it deletable, and "
            f"give the command again."
        ) from error


def users_of_supernet(storage: RDBStorage, name: str) -> tuple[optuna.Study, ...]:
    """Return the studies that use the supernet which a study has trained."""
    names = [other for other in names_of_searches(storage) if other != name]
    others = (optuna.load_study(study_name=other, storage=storage) for other in names)
    return tuple(other for other in others if other.user_attrs.get(SETTINGS, {}).get("supernet") == name)


def _disk_bytes(study: optuna.Study) -> int:
    try:
        return files_of(study).disk_bytes()
    except FilesError as error:  # one unreachable storage must not hide the other studies
        _log.warning("%s", error)
        return 0


def _summary(storage: RDBStorage, name: str, store: Store) -> StudySummary:
    study = optuna.load_study(study_name=name, storage=storage)
    trials = study.get_trials(deepcopy=False)
    result = result_of(study, store)
    begun = min((t.datetime_start for t in trials if t.datetime_start is not None), default=None)
    return StudySummary(
        study=name,
        budgets=tuple(map(str, result.budgets)),
        data=result.data,
        trained=sum(map(trial_attributes.trained, trials)),
        running=sum(t.state == TrialState.RUNNING for t in trials),
        accuracy=None if result.best is None else result.best.accuracy,
        metric=result.metric,
        begun=None if begun is None else begun.isoformat(timespec="seconds"),
        folder=result.folder,
        disk_bytes=_disk_bytes(study),
        state=result.state,
        supernet=result.supernet,
        compares=comparison_subject(study.user_attrs),
    )
