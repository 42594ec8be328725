"""Settings say what defines a search and in what two of them differ."""

from dataclasses import replace

import pytest

from nas.study.naming import checked_name
from nas.study.settings import Settings
from search_spaces.budget import Budget
from search_spaces.errors import StudyError
from search_spaces.loading import load
from search_spaces.space_record import space_digest
from trials.training.recipe import Recipe


@pytest.fixture
def settings() -> Settings:
    return Settings(
        space="hybrid_small",
        space_digest="0123456789abcdef",
        budgets=(Budget.parse("300M-MACs"), Budget.parse("4M-params")),
        data="/somewhere/my images/",
        data_fingerprint="f" * 64,
        recipe={"name": "proxy", "epochs": 6},
        sampler="factor_gp",
        seed=3,
    )


def test_reading_what_was_written_is_identity(settings: Settings):
    assert Settings.from_json(settings.to_json()) == settings


def test_a_study_of_an_earlier_version_values_networks_as_it_did(settings: Settings):
    assert "deploy_dtype" not in settings.to_json()
    assert Settings.from_json(settings.to_json()).deploy_dtype == "fp32"
    new = replace(settings, deploy_dtype="int8")
    assert Settings.from_json(new.to_json()) == new
    assert settings.difference(new) == "its form as deployed is 'fp32', not 'int8'"
    assert new.default_name() == f"{settings.default_name()}-int8"
    in_int8 = replace(settings, budgets=(Budget.parse("512KiB-peak@int8"),), deploy_dtype="int8")
    assert in_int8.default_name().endswith("seed3")  # as before networks were valued so


def test_a_study_of_an_earlier_version_resizes_as_it_did(settings: Settings):
    assert "resized_once" not in settings.to_json()  # earlier versions go on with it
    assert not Settings.from_json(settings.to_json()).resized_once
    new = replace(settings, resized_once=True)
    assert Settings.from_json(new.to_json()) == new
    assert settings.difference(new) == "its resizing of images is 'in two steps', not 'in one step'"


def test_settings_of_another_format_are_refused(settings: Settings):
    with pytest.raises(StudyError, match="format 99: this version reads 1"):
        Settings.from_json({**settings.to_json(), "version": 99})


def test_the_default_name_is_readable_and_free_of_separators(settings: Settings):
    assert settings.default_name() == "hybrid-small-my-images-300M-MACs-4M-params-proxy-seed3"


def test_a_long_default_name_is_shortened_and_still_tells_settings_apart(settings: Settings):
    many = tuple(Budget.parse(f"12ms@ssh://build-agent@raspberry-{n}.lab.example.org:2222") for n in range(3))
    first, second = (replace(settings, budgets=many, seed=seed).default_name() for seed in (0, 1))
    assert first != second
    assert checked_name(first) == first
    assert len(first) <= 120
    assert first.startswith("hybrid-small-my-images-12ms-ssh-build-agent-raspberry-0")


def test_equal_settings_do_not_differ(settings: Settings):
    assert settings.difference(replace(settings)) is None


def test_two_ways_of_writing_a_budget_do_not_differ(settings: Settings):
    assert (
        settings.difference(
            replace(settings, budgets=(Budget.parse("0.3G-macs"), Budget.parse("4000k-params")))
        )
        is None
    )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"budgets": (Budget.parse("200M-MACs"), Budget.parse("4M-params"))},
            "its budget is '300M-MACs and 4M-params', not '200M-MACs and 4M-params'",
        ),
        ({"space": "hybrid"}, "its space is 'hybrid_small', not 'hybrid'"),
        ({"sampler": "random"}, "its sampler is 'factor_gp', not 'random'"),
        ({"seed": 4}, "its seed is 3, not 4"),
        ({"data_fingerprint": "0" * 64}, "its images is"),
        ({"recipe": {"name": "proxy", "epochs": 9}}, "its recipe's epochs is 6, not 9"),
    ],
)
def test_the_first_difference_is_named(settings: Settings, changed, told: str):
    assert told in str(settings.difference(replace(settings, **changed)))


def test_a_later_field_at_its_default_is_no_difference(settings: Settings, monkeypatch):
    class LaterRecipe(Recipe):
        blur: float = 0.0

    monkeypatch.setattr("nas.study.settings.Recipe", LaterRecipe)
    later = replace(settings, recipe={**settings.recipe, "blur": 0.0})
    assert settings.difference(later) is None
    assert later.difference(settings) is None
    used = replace(settings, recipe={**settings.recipe, "blur": 0.3})
    assert settings.difference(used) == "its recipe's blur is 0.0, not 0.3"


def test_settings_that_this_version_does_not_know_are_refused_in_one_line(settings: Settings):
    with pytest.raises(StudyError, match="written with 'teachers', which this version does not know"):
        Settings.from_json({**settings.to_json(), "teachers": []})


def test_the_digest_of_a_space_changes_with_its_content():
    space = load("hybrid_small")
    assert space_digest(space) == space_digest(replace(space))
    assert space_digest(space) != space_digest(replace(space, resolution=(32, 48)))
