"""A search whose recipe has changed since it was begun goes on by the edition in which it was begun."""

from pathlib import Path
from typing import Any

import pytest
from optuna.storages import get_storage

from nas.orchestration.plan_start import begun
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.search_planning import plan_search
from nas.orchestration.search_request import SearchRequest
from nas.resources import slots_here
from nas.storage.optuna_storage import open_storage
from search_spaces.errors import StudyError
from trials.recipes import RECIPES, current_names, load_recipe, recipe_editions


@pytest.fixture
def planned(tmp_path: Path):
    """Return what plans a search of digits."""

    def plan(**options: Any) -> SearchPlan:
        request = SearchRequest(
            budget=["2M-MACs"],
            space="hybrid_small",
            trials=1,
            storage=f"sqlite:///{tmp_path / 'nas.db'}",
            sampler="random",
            storage_path=str(tmp_path / "nas-runs"),
            **options,
        )
        return plan_search(request, slots_here(1, None))

    return plan


@pytest.fixture
def based(tmp_path: Path) -> str:
    """Return a recipe that is based on `proxy`."""
    (tmp_path / "own.yaml").write_text("base: proxy\nepochs: 3\n")
    return str(tmp_path / "own.yaml")


def test_the_first_edition_of_the_proxy_is_what_studies_hold(based: str):
    (first,) = recipe_editions("proxy")
    assert (first.name, first.epochs, first.rungs, first.epoch_images) == ("proxy", 6, (1, 6), 20_000)
    assert load_recipe("proxy") != first
    (own,) = recipe_editions(based)
    assert own == load_recipe(based).model_copy(update={"epoch_images": 20_000})
    assert list(recipe_editions("full")) == [RECIPES["full"]]
    assert set(RECIPES) - set(current_names()) == {"proxy_1"}


@pytest.mark.parametrize("by", ["default", "proxy", "file"])
def test_a_search_goes_on_by_the_edition_of_its_recipe(by: str, planned, based: str, monkeypatch):
    recipe = {"default": None, "proxy": "proxy", "file": based}[by]
    with monkeypatch.context() as earlier:
        earlier.setitem(RECIPES._loaded, "proxy", next(recipe_editions("proxy")))
        before = planned(recipe=recipe)
        begun(before, get_storage(open_storage(before.url)))
    assert before.recipe.epoch_images == 20_000
    again = planned(recipe=recipe)
    assert again.name == before.name
    assert again.recipe == before.recipe
    assert again.settings.difference(before.settings) is None
    assert planned(recipe=recipe, study="another").recipe.epoch_images == RECIPES["proxy"].epoch_images


def test_a_recipe_that_was_changed_by_hand_is_still_refused(planned, based: str):
    before = planned(recipe=based)
    begun(before, get_storage(open_storage(before.url)))
    Path(based).write_text("base: proxy\nepochs: 3\nepoch_images: 500\n")
    changed = planned(recipe=based)
    with pytest.raises(StudyError, match="epoch_images"):
        begun(changed, get_storage(open_storage(changed.url)))
