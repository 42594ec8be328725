"""`ReaderView`: the studies of one user for reading alone, without the user in their names.

It is for a web page that many users share: what belongs to somebody else is not there, by whatever number
it is asked for, and every method that would change something raises.
"""

from collections.abc import Container
from typing import Any, Final

from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from nas.storage.read_only_storage import ReadOnlyStorage


class ReaderView(ReadOnlyStorage):
    """Studies of a storage for reading alone.

    Args:
        storage: Storage of the studies of all users.
        prefix: What the names of the studies begin with that are seen, and nobody sees; empty for all.
    """

    def __init__(self, storage: BaseStorage, prefix: str) -> None:
        self._storage: Final = storage
        self._prefix: Final = prefix

    def has(self, study_id: int) -> bool:
        """Return whether a study is seen."""
        try:
            return self._storage.get_study_name_from_id(study_id).startswith(self._prefix)
        except KeyError:
            return False

    @override
    def get_all_studies(self) -> list[Any]:  # of Optuna's FrozenStudy, which it does not export
        own = [one for one in self._storage.get_all_studies() if one.study_name.startswith(self._prefix)]
        for study in own:  # made anew by each call
            study.study_name = study.study_name.removeprefix(self._prefix)
        return own

    @override
    def get_study_id_from_name(self, study_name: str) -> int:
        return self._storage.get_study_id_from_name(f"{self._prefix}{study_name}")

    @override
    def get_study_name_from_id(self, study_id: int) -> str:
        return self._storage.get_study_name_from_id(self._seen(study_id)).removeprefix(self._prefix)

    @override
    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._storage.get_study_directions(self._seen(study_id))

    @override
    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._storage.get_study_user_attrs(self._seen(study_id))

    @override
    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._storage.get_study_system_attrs(self._seen(study_id))

    @override
    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return self._storage.get_all_trials(self._seen(study_id), deepcopy=deepcopy, states=states)

    @override
    def get_best_trial(self, study_id: int) -> FrozenTrial:
        return self._storage.get_best_trial(self._seen(study_id))

    @override
    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Raise: the number of a trial does not say whose it is."""
        raise KeyError(f"No trial with trial-id {trial_id} found.")

    def _seen(self, study_id: int) -> int:
        """Return the number of a study that is seen.

        Raises:
            KeyError: if it is not.
        """
        if not self.has(study_id):
            raise KeyError(f"No study with study-id {study_id} found.")
        return study_id
