"""What Optuna gives no public name is still where it was."""

import optuna
import pytest

from nas.storage.optuna_internals import database_url, storage_of, study_id_of, trial_id_of
from nas.storage.optuna_storage import open_storage


@pytest.fixture
def studies(tmp_path):
    """Return two studies of one database; the second one has a trial."""
    storage = open_storage(f"sqlite:///{tmp_path / 'nas.db'}")
    first, second = (optuna.create_study(storage=storage, study_name=name) for name in ("first", "second"))
    first.ask()
    return first, second


def test_a_storage_is_the_one_that_its_trials_have(studies):
    assert storage_of(studies[0]) is studies[0].ask().storage


def test_studies_and_trials_are_numbered_as_in_the_database(studies):
    first, second = studies
    trial = second.ask()
    assert study_id_of(first) != study_id_of(second)
    assert storage_of(second).get_study_name_from_id(study_id_of(second)) == "second"
    assert storage_of(second).get_trial(trial_id_of(second, trial)).number == trial.number == 0
    frozen = second.get_trials()[0]
    assert trial_id_of(second, frozen) == trial_id_of(second, trial) != trial_id_of(first, frozen)


def test_a_database_has_a_url_and_a_memory_has_none(studies, tmp_path):
    assert database_url(studies[0]) == f"sqlite:///{tmp_path / 'nas.db'}"
    assert database_url(optuna.create_study()) is None
