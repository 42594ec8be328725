"""A study with the storage that it was opened from: writes what Optuna lets the storage alone write."""

from typing import Any, Final

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial


class OpenedStudy:
    """One study and its storage.

    A search writes attributes of running trials from several threads and of trials that another process
    began, for which Optuna has no method of a study. Trials are named by their numbers.

    Args:
        study: A study in `storage`.
        storage: What the study was created or loaded with, as `optuna.storages.get_storage` returns it.
    """

    def __init__(self, study: optuna.Study, storage: BaseStorage) -> None:
        self.study: Final = study
        self.storage: Final = storage
        self.study_id: Final = storage.get_study_id_from_name(study.study_name)
        self._trial_ids: dict[int, int] = {}

    def trial_id(self, number: int) -> int:
        """Return the id of a trial in the storage."""
        if number not in self._trial_ids:
            found = self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)
            self._trial_ids[number] = found
        return self._trial_ids[number]

    def stored_trial(self, number: int) -> FrozenTrial:
        """Return a trial as it is stored now."""
        return self.storage.get_trial(self.trial_id(number))

    def set_user_attribute(self, number: int, name: str, value: Any) -> None:
        """Write a user attribute of a running trial, which views show."""
        self.storage.set_trial_user_attr(self.trial_id(number), name, value)

    def set_system_attribute(self, number: int, name: str, value: Any) -> None:
        """Write a system attribute of a running trial."""
        self.storage.set_trial_system_attr(self.trial_id(number), name, value)
