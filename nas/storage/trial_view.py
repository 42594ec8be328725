"""Shows a sampler the trials of a study as it may see them; everything else passes through."""

from collections.abc import Callable, Container, Sequence
from copy import deepcopy as copied
from typing import Any, Final

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override


class TrialView(BaseStorage):
    """A storage that lists other trials than another one holds, and writes into that one.

    Args:
        storage: The storage that holds the study.
        seen: The trials that the study holds to those that are listed.
        unfinished: Id of a trial whose proposal was broken off, which is taken up in place of a new one; None
            for a new one.
    """

    def __init__(
        self,
        storage: BaseStorage,
        seen: Callable[[Sequence[FrozenTrial]], Sequence[FrozenTrial]],
        unfinished: int | None = None,
    ) -> None:
        self._storage: Final = storage
        self._seen: Final = seen
        self._unfinished = unfinished

    @override
    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        trials = self._seen(self._storage.get_all_trials(study_id, deepcopy=False))
        wanted = [trial for trial in trials if states is None or trial.state in states]
        return copied(wanted) if deepcopy else wanted

    @override
    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        if self._unfinished is None:
            return self._storage.create_new_trial(study_id, template_trial)
        unfinished, self._unfinished = self._unfinished, None
        return unfinished

    @override
    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        return self._storage.create_new_study(directions, study_name)

    @override
    def delete_study(self, study_id: int) -> None:
        self._storage.delete_study(study_id)

    @override
    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._storage.set_study_user_attr(study_id, key, value)

    @override
    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._storage.set_study_system_attr(study_id, key, value)

    @override
    def get_study_id_from_name(self, study_name: str) -> int:
        return self._storage.get_study_id_from_name(study_name)

    @override
    def get_study_name_from_id(self, study_id: int) -> str:
        return self._storage.get_study_name_from_id(study_id)

    @override
    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._storage.get_study_directions(study_id)

    @override
    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._storage.get_study_user_attrs(study_id)

    @override
    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._storage.get_study_system_attrs(study_id)

    @override
    def get_all_studies(self) -> list[Any]:
        return list(self._storage.get_all_studies())

    @override
    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._storage.get_trial(trial_id)

    @override
    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(study_id, trial_number)

    @override
    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        self._storage.set_trial_param(trial_id, param_name, param_value_internal, distribution)

    @override
    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        return self._storage.set_trial_state_values(trial_id, state, values)

    @override
    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        self._storage.set_trial_intermediate_value(trial_id, step, intermediate_value)

    @override
    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._storage.set_trial_user_attr(trial_id, key, value)

    @override
    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._storage.set_trial_system_attr(trial_id, key, value)
