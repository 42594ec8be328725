"""Optuna's private attributes that the project needs, and what is found through them.

A sampler is handed a study and a read-only trial, and our tables name studies by Optuna's numbers; only a
study's storage leads to both, and Optuna 5 gives it away with a live trial alone (`optuna.Trial.storage`).
From there on all is public. `tests/nas/storage/test_optuna_internals.py` fails when the attributes go.
"""

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, Trial


def storage_of(study: optuna.Study) -> BaseStorage:
    """Return the storage that a study was opened with, as a study wraps it."""
    return study._storage  # noqa: SLF001 -- see above


def backend_of(storage: BaseStorage) -> BaseStorage:
    """Return a storage without the cache that a study wraps it in."""
    backend: BaseStorage = getattr(storage, "_backend", storage)
    return backend


def database_url(study: optuna.Study) -> str | None:
    """Return the URL of a study's database; None for a study in memory."""
    backend = backend_of(storage_of(study))
    return str(backend.url) if isinstance(backend, RDBStorage) else None


def study_id_of(study: optuna.Study) -> int:
    """Return the number of a study in its database."""
    return storage_of(study).get_study_id_from_name(study.study_name)


def trial_id_of(study: optuna.Study, trial: Trial | FrozenTrial) -> int:
    """Return the number of a trial in its database, which counts the trials of all studies."""
    return storage_of(study).get_trial_id_from_study_id_trial_number(study_id_of(study), trial.number)
