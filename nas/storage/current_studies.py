"""`CurrentStudies`: the studies of a database for a process that reads them long, with their trials cached.

Optuna's cache goes by the numbers of studies and trials, and never learns that another process has deleted a
study. SQLite gives these numbers to the next study then, which the cache would show with trials of the first.
"""

import threading
from collections.abc import Container
from typing import Any, Final

from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text
from typing_extensions import override

from nas.storage.database import storage_errors
from nas.storage.read_only_storage import ReadOnlyStorage

_IDENTITIES: Final = (
    "SELECT studies.study_id, COALESCE(value_json, study_name) AS identity "
    "FROM studies LEFT JOIN study_user_attributes "
    "ON study_user_attributes.study_id = studies.study_id AND key = 'nas:id'"
)
_IDENTITY: Final = f"{_IDENTITIES} WHERE studies.study_id = :number"


class CurrentStudies(ReadOnlyStorage):
    """The studies of a storage as they are now, for reading alone; methods are thread-safe.

    Of a study that was deleted or replaced nothing stays cached. A study is known by the identity that it was
    given, one of another program by its name.

    Args:
        backend: Storage of the studies.
    """

    def __init__(self, backend: RDBStorage) -> None:
        self._backend: Final = backend  # by this name `optuna_internals.backend_of` finds it
        self._lock: Final = threading.Lock()
        self._cache: BaseStorage = get_storage(backend)
        self._cached: dict[int, str] = {}  # identities by number of the study
        self._generation = 0

    def generation(self) -> int:
        """Return a number that differs once a study was deleted or replaced whose trials had been read.

        Whatever was made of trials and is kept by the number of a study holds for one generation.

        Raises:
            StorageError: if the database does not answer.
        """
        with self._lock:
            now = self._identities(_IDENTITIES) if self._cached else {}
            if any(now.get(number) != identity for number, identity in self._cached.items()):
                self._forget()
            return self._generation

    @override
    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return self._cache_for(study_id).get_all_trials(study_id, deepcopy=deepcopy, states=states)

    @override
    def get_all_studies(self) -> list[Any]:  # of Optuna's FrozenStudy, which it does not export
        return self._backend.get_all_studies()

    @override
    def get_study_id_from_name(self, study_name: str) -> int:
        return self._backend.get_study_id_from_name(study_name)

    @override
    def get_study_name_from_id(self, study_id: int) -> str:
        return self._backend.get_study_name_from_id(study_id)

    @override
    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._backend.get_study_directions(study_id)

    @override
    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._backend.get_study_user_attrs(study_id)

    @override
    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._backend.get_study_system_attrs(study_id)

    @override
    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._backend.get_trial(trial_id)

    def _cache_for(self, study_id: int) -> BaseStorage:
        """Return a cache that has nothing of an earlier study of this number.

        Raises:
            KeyError: if there is no such study.
            StorageError: if the database does not answer.
        """
        with self._lock:
            identity = self._identities(_IDENTITY, number=study_id).get(study_id)
            if self._cached.get(study_id, identity) != identity:
                self._forget()
            if identity is None:
                raise KeyError(f"No study with study-id {study_id} found.")
            self._cached[study_id] = identity  # before its trials: what follows them in between is seen
            return self._cache

    def _forget(self) -> None:
        self._cache = get_storage(self._backend)
        self._cached = {}
        self._generation += 1

    def _identities(self, query: str, **given: int) -> dict[int, str]:
        """Return the identities of studies by their numbers."""
        with storage_errors(str(self._backend.url)), self._backend.engine.connect() as connection:
            return {row.study_id: row.identity for row in connection.execute(text(query), given)}
