import pytest

from search_spaces.errors import RecipeError, UnknownNameError
from trials.recipes import load_recipe
from trials.training.recipe import Recipe


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": "own"}, "'own': epochs: Field required"),
        ({"name": "own", "epochs": 0}, r"epochs: .*greater than or equal to 1 \(given 0\)"),
        ({"name": "own", "epochs": 6, "epoch": 7}, "epoch: .*Known fields: .*epochs"),
        ({"name": "own", "epochs": 6, "rungs": [2, 5]}, r"rungs \[2, 5\] must ascend .*write \[2, 5, 6\]"),
        ({"name": "own", "epochs": 6, "rungs": [4, 2, 6]}, r"write \[2, 4, 6\]"),
        ({"name": "own", "epochs": 6, "rungs": [-1, 6]}, "rungs.*greater"),
        ({"name": "own", "epochs": 2, "warmup_epochs": 2}, "warmup_epochs must be below epochs"),
        ({"name": "own", "epochs": 6, "learning_rate": -1, "optimiser": "adam"}, "and 1 more"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_an_error_of_one_line(fields, expected):
    with pytest.raises(RecipeError, match=expected) as caught:
        Recipe.from_json(fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [("a: [", "Expected YAML"), ("- 1", "expected 'field: value'"), ("", "expected 'field: value'")],
)
def test_a_file_that_holds_no_recipe_is_an_error(tmp_path, content, expected):
    (tmp_path / "own.yaml").write_text(content)
    with pytest.raises(RecipeError, match=expected):
        load_recipe(str(tmp_path / "own.yaml"))


def test_a_file_names_its_recipe_and_may_be_short(tmp_path):
    (tmp_path / "quick.yml").write_text("epochs: 3")
    assert load_recipe(str(tmp_path / "quick.yml")) == Recipe(name="quick", epochs=3)


def test_absent_recipes_are_errors(tmp_path):
    with pytest.raises(RecipeError, match="No such file"):
        load_recipe(str(tmp_path / "absent.yaml"))
    with pytest.raises(UnknownNameError, match="Did you mean 'proxy'"):
        load_recipe("proxi")
