"""A user's view of a shared database holds the user's own studies alone."""

import optuna
import pytest

from nas.storage.optuna_storage import open_storage


@pytest.fixture
def shared(tmp_path):
    url = f"sqlite:///{tmp_path}/nas.db"
    for name in ("ann.first", "bob.first", "bob.second", "annabel.other"):
        optuna.create_study(study_name=name, storage=open_storage(url))
    return url


def names(url):
    return sorted(study.study_name for study in optuna.get_all_study_summaries(storage=open_storage(url)))


def test_a_user_sees_their_own_studies_without_the_user_in_their_names(shared, monkeypatch):
    monkeypatch.setenv("NAS_STUDIES_OF", "ann")
    assert names(shared) == ["first"]
    study = optuna.load_study(study_name="first", storage=open_storage(shared))
    assert study.study_name == "first"
    for hidden in ("second", "bob.first", "bob.second", "other"):
        with pytest.raises(KeyError):
            optuna.load_study(study_name=hidden, storage=open_storage(shared))


def test_a_study_that_is_begun_in_the_view_is_the_users(shared, monkeypatch):
    monkeypatch.setenv("NAS_STUDIES_OF", "ann")
    made = optuna.create_study(study_name="second", storage=open_storage(shared))
    made.set_user_attr("whose", "ann's")
    monkeypatch.setenv("NAS_STUDIES_OF", "bob")
    theirs = optuna.load_study(study_name="second", storage=open_storage(shared))
    assert theirs.user_attrs == {}
    monkeypatch.delenv("NAS_STUDIES_OF")
    assert names(shared) == ["ann.first", "ann.second", "annabel.other", "bob.first", "bob.second"]
