"""A study is renamed with its folder, and what names it follows."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from nas.administration.renaming import rename
from nas.files.ownership import claimed
from nas.storage.user_view import optuna_storage
from nas.study import study as studies
from nas.study.earlier_studies import store_transfer
from nas.study.places import folder_of
from nas.study.reproduce_command import REQUEST, Request, keep_request
from search_spaces.errors import StudyError
from tests.nas.study.test_study import SETTINGS


def test_a_renamed_study_keeps_its_trials_and_takes_its_folder_along(storage, kept):
    folder = kept("mine")
    studies.find(storage, "mine").ask()
    rename(storage, "mine", "yours")
    found = studies.find(storage, "yours")
    assert len(found.get_trials()) == 1
    assert Path(folder_of(found)) == folder.with_name("yours")
    assert (folder.with_name("yours") / "trials" / "00000" / "checkpoint.pt").exists()
    assert not folder.exists()
    with pytest.raises(StudyError, match="No study is called 'mine'"):
        studies.find(storage, "mine")


def test_a_folder_goes_back_if_the_new_name_cannot_be_stored(storage, kept, monkeypatch):
    folder = kept("mine")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(storage.engine.dialect), "do_commit", full)
        with pytest.raises(Exception, match="No space left"):
            rename(storage, "mine", "yours")
    assert Path(folder_of(studies.find(storage, "mine"))) == folder
    assert folder.exists()
    rename(storage, "mine", "yours")
    assert folder.with_name("yours").exists()


def test_a_renaming_that_was_killed_before_its_end_is_ended_by_the_same_command(storage, kept):
    folder = kept("mine")
    claimed(studies.find(storage, "mine"), lambda _: None)  # as a search marks its folder
    folder.rename(folder.with_name("yours"))
    rename(storage, "mine", "yours")
    assert Path(folder_of(studies.find(storage, "yours"))) == folder.with_name("yours")
    with pytest.raises(StudyError, match="No study is called 'mine'"):
        studies.find(storage, "mine")


@pytest.mark.parametrize(
    ("new", "expected"), [("yours", "is called 'yours' already"), ("../x", "Cannot call")]
)
def test_a_name_that_is_taken_or_no_name_is_refused_and_nothing_changes(
    storage, kept, new: str, expected: str
):
    folder = kept("mine")
    kept("yours")
    with pytest.raises(StudyError, match=expected):
        rename(storage, "mine", new)
    assert folder.exists()
    assert folder_of(studies.find(storage, "mine")) == str(folder)


def test_what_names_a_renamed_study_follows_it(storage, kept):
    folder = kept("mine")
    kept("other")
    kept("c")
    learner, comparison = studies.find(storage, "other"), studies.find(storage, "c")
    settings = replace(
        SETTINGS,
        learn_from=("mine", "mineral"),
        teacher="mine#3",
        weights="mine",
        recipe={**SETTINGS.recipe, "teacher": str(folder / "trials" / "00003" / "weights.safetensors")},
    )
    studies.keep_settings(learner, settings)
    asked = Request.of(space=None, recipe="proxy", seed_with=["mine#12", "mobilenet_v2"], learn_from=["mine"])
    keep_request(learner, asked)
    taken = (
        {"version": 1, "study": "mine", "budgets": []},
        {"version": 1, "study": "mineral", "budgets": []},
    )
    store_transfer(learner, taken)
    studies.mark_comparison(
        comparison,
        studies.find(storage, "mine"),
        "nas compare mine --with 'mine#3' --recipe mine --study 'my mine' --weights",
    )
    rename(storage, "mine", "our net")

    learner, comparison = studies.find(storage, "other"), studies.find(storage, "c")
    found = studies.settings_of(learner)
    teacher = str(folder.with_name("our net") / "trials" / "00003" / "weights.safetensors")
    recipe = {**SETTINGS.recipe, "teacher": teacher}
    expected = replace(
        settings, learn_from=("our net", "mineral"), teacher="our net#3", weights="our net", recipe=recipe
    )
    assert found == expected
    assert learner.user_attrs[REQUEST]["seed_with"] == ["our net#12", "mobilenet_v2"]
    assert learner.user_attrs[REQUEST]["learn_from"] == "our net"
    assert [one["study"] for one in learner.user_attrs[studies.EARLIER]["studies"]] == ["our net", "mineral"]
    assert studies.comparison_subject(comparison.user_attrs) == "our net"
    assert studies.compare_command_of(comparison.user_attrs) == (
        "nas compare 'our net' --with 'our net#3' --recipe mine --study 'my mine' --weights"
    )


def test_a_published_network_keeps_its_name_where_a_study_was_called_so(storage, kept):
    name = "mobilenet_v2_1.0_224"
    kept(name)
    kept("other")
    studies.keep_settings(studies.find(storage, "other"), replace(SETTINGS, weights=name, supernet=name))
    rename(storage, name, "mine")
    found = studies.settings_of(studies.find(storage, "other"))
    assert (found.weights, found.supernet) == (name, "mine")


def test_in_the_view_of_a_user_a_study_stays_theirs(storage, kept, monkeypatch):
    folders = {name: kept(name) for name in ("ann.mine", "ann.other", "bob.other")}
    for name in ("ann.other", "bob.other"):
        studies.keep_settings(studies.find(storage, name), replace(SETTINGS, learn_from=("mine",)))
    url = str(storage.url)
    monkeypatch.setenv("NAS_STUDIES_OF", "ann")
    rename(optuna_storage(url), "mine", "yours")
    monkeypatch.delenv("NAS_STUDIES_OF")
    found = studies.find(storage, "ann.yours")
    assert Path(folder_of(found)) == folders["ann.mine"].with_name("ann.yours")
    learnt = {
        name: studies.settings_of(studies.find(storage, name)).learn_from
        for name in ("ann.other", "bob.other")
    }
    assert learnt == {"ann.other": ("yours",), "bob.other": ("mine",)}
