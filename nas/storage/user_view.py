"""One user's view of a database that a team shares: their studies alone, without the user in their names.

A service sets ``$NAS_STUDIES_OF`` for the commands that it runs. Studies of others are then not there,
whatever a command is asked for, and its output is what it would be in a database of the user's own.
"""

import os
from collections.abc import Sequence
from typing import Any, Final

from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from typing_extensions import override


def stored_name(study: str) -> str:
    """Return the name of a study in the database."""
    return f"{_prefix()}{study}"


def optuna_storage(url: str, **options: Any) -> RDBStorage:
    """Return Optuna's storage, or the view of ``$NAS_STUDIES_OF`` if it is set."""
    prefix = _prefix()
    return UserStorage(prefix, url, **options) if prefix else RDBStorage(url, **options)


class UserStorage(RDBStorage):
    """A storage with the studies of one user.

    Args:
        prefix: What their names begin with in the database, and nobody sees.
        url: URL of the database.
        options: Further arguments of `RDBStorage`.
    """

    def __init__(self, prefix: str, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._prefix: Final = prefix

    @override
    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        return super().create_new_study(directions, f"{self._prefix}{study_name}" if study_name else None)

    @override
    def get_study_id_from_name(self, study_name: str) -> int:
        try:
            return super().get_study_id_from_name(f"{self._prefix}{study_name}")
        except KeyError:
            if not study_name.startswith(self._prefix):
                raise
            return super().get_study_id_from_name(study_name)  # Optuna asks so for a study that it has made

    @override
    def get_study_name_from_id(self, study_id: int) -> str:
        return super().get_study_name_from_id(study_id).removeprefix(self._prefix)

    @override
    def get_all_studies(self) -> list[Any]:  # of Optuna's FrozenStudy, which it does not export
        own = [one for one in super().get_all_studies() if one.study_name.startswith(self._prefix)]
        for study in own:
            study.study_name = study.study_name.removeprefix(self._prefix)
        return own


def _prefix() -> str:
    user = os.environ.get("NAS_STUDIES_OF")
    return f"{user}." if user else ""
