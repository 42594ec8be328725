"""A study is begun once, found again by name, and never mistaken for another search."""

from dataclasses import replace

import optuna
import pytest

from nas.study import results
from nas.study import study as studies
from nas.study.places import folder_of
from nas.study.settings import Settings
from search_spaces.budget import Budget
from search_spaces.errors import StudyError

SETTINGS = Settings(
    space="tiny",
    space_digest="0",
    budgets=(Budget.parse("1M-MACs"),),
    data="digits",
    data_fingerprint="f",
    recipe={"name": "proxy"},
    sampler="random",
    seed=0,
)


def begin(storage, settings: Settings = SETTINGS, name: str = "mine") -> optuna.Study:
    return studies.begin(
        storage,
        name,
        settings,
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images={"classes": ["a", "b"], "channels": 1, "mean": [0.5], "std": [0.5]},
        folder="runs/mine",
    )


def test_a_study_is_found_again_with_what_it_was_begun_with(storage):
    begin(storage)
    found = studies.find(storage, "mine")
    assert studies.settings_of(found) == SETTINGS
    assert folder_of(found) == "runs/mine"
    assert studies.images_of(found)["classes"] == ["a", "b"]
    assert begin(storage).study_name == "mine"


def test_another_search_under_the_same_name_is_refused_with_the_difference(storage):
    begin(storage)
    with pytest.raises(StudyError, match="its budget is '1M-MACs', not '2M-MACs'"):
        begin(storage, replace(SETTINGS, budgets=(Budget.parse("2M-MACs"),)))


def test_a_study_of_somebody_else_is_left_alone(storage):
    optuna.create_study(storage=storage, study_name="mine").ask()
    with pytest.raises(StudyError, match="was created by another program"):
        begin(storage)


def test_the_latest_study_is_the_default_and_near_names_are_offered(storage):
    with pytest.raises(StudyError, match="Begin with: nas search"):
        studies.find(storage, None)
    begin(storage)
    begin(storage, name="another")
    assert studies.find(storage, None).study_name == "another"
    with pytest.raises(StudyError, match="Did you mean 'mine'"):
        studies.find(storage, "minne")


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, (None, None)), ("s", ("s", None)), ("s#12", ("s", 12)), ("a#b#3", ("a#b", 3)), ("#4", (None, 4))],
)
def test_a_network_is_named_by_its_study_and_number(text, expected):
    assert results.split_network(text) == expected


def test_a_network_number_that_is_none_is_refused():
    with pytest.raises(StudyError, match="expected STUDY#NUMBER"):
        results.split_network("s#best")


def test_only_networks_trained_to_the_end_are_delivered(storage):
    result = results.result_of(begin(storage))
    with pytest.raises(StudyError, match="No network of 'mine' has been trained to the end"):
        results.chosen_network(result, None)
    with pytest.raises(StudyError, match="expected one of none"):
        results.chosen_network(result, 3)


@pytest.mark.parametrize("directions", [["minimize"], ["maximize", "maximize"], ["maximize", "minimize"]])
def test_a_study_that_another_program_made_to_minimise_is_refused(storage, directions):
    optuna.create_study(storage=storage, study_name="mine", directions=directions)
    with pytest.raises(StudyError, match="created by another program: expected a new name"):
        begin(storage)
    with pytest.raises(StudyError, match="No search in"):
        studies.find(storage, "mine")


def test_an_empty_study_that_another_program_made_beforehand_is_taken_over(storage):
    optuna.create_study(storage=storage, study_name="mine", direction="maximize")
    optuna.create_study(storage=storage, study_name="theirs", direction="minimize")
    assert studies.settings_of(begin(storage)) == SETTINGS
    with pytest.raises(StudyError, match=r"'theirs' was made by another program.* Known: mine"):
        studies.find(storage, "theirs")
