"""What every recipe owes."""

import pytest
import yaml

from trials.recipes import RECIPES, load_recipe
from trials.training.recipe import Recipe
from trials.training.schedule import rate_at


@pytest.fixture(params=list(RECIPES))
def recipe(request):
    return RECIPES[request.param]


def test_its_name_is_its_files(recipe):
    assert load_recipe(recipe.name) is recipe


def test_it_survives_json_and_yaml(recipe, tmp_path):
    assert Recipe.from_json(recipe.to_json()) == recipe
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(recipe.to_json()))
    assert load_recipe(str(tmp_path / "own.yaml")) == recipe


def test_its_rungs_end_with_the_training(recipe):
    assert recipe.rungs[-1] == recipe.epochs


def test_its_rate_rises_once_then_never(recipe):
    rates = [rate_at(step / 500, recipe) for step in range(501)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(recipe.learning_rate)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(recipe.learning_rate * recipe.final_rate, abs=1e-12)


def test_every_rung_but_the_last_sees_the_flat_rate_where_rungs_decide(recipe):
    for rung in recipe.rungs[:-1]:
        assert rate_at(rung / recipe.epochs, recipe) == recipe.learning_rate
