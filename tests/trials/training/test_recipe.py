import pytest
from pydantic import AliasChoices, Field

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
        ({"name": "own", "epochs": 6, "soup_epochs": 7}, "soup_epochs 7 must be 0, or 2 or more"),
        ({"name": "own", "epochs": 6, "largest_batch": 16}, "largest_batch 16 must be at least batch_size"),
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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("epohcs: 6", r"own.yaml', line 1: epohcs: .* Did you mean 'epochs'\? Known fields: base, "),
        ("epochs: 6\n\nlearning_rat: 1", r"line 3: learning_rat: .* Did you mean 'learning_rate'\?"),
        ("epochs: 6\nflip: maybe", r"line 2: flip: .* \(given 'maybe'\)"),
        ("epochs: 6\nbatch_size: 8\nrungs: [2, 5]", r"line 3: rungs \[2, 5\] must ascend"),
        ("epochs: 6\nbase: proxi", r"line 2: No recipe is called 'proxi'. Did you mean 'proxy'\?"),
        ("base: proxy\nepohcs: 8", r"line 2: epohcs: .* Did you mean 'epochs'\?"),
        ("base: own.yaml", r"own.yaml': it is based on itself"),
        ('base: "no\\0where.yaml"', "Expected"),
        ("base: [proxy]", r"line 1: No recipe is called"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(tmp_path, content, expected):
    (tmp_path / "own.yaml").write_text(content)
    with pytest.raises(RecipeError, match=expected) as caught:
        load_recipe(str(tmp_path / "own.yaml"))
    assert "\n" not in str(caught.value)


def test_a_recipe_takes_what_it_does_not_say_from_its_base(tmp_path):
    (tmp_path / "longer.yaml").write_text("base: proxy\nepochs: 8\n")
    longer, proxy = load_recipe(str(tmp_path / "longer.yaml")), load_recipe("proxy")
    assert longer == proxy.model_copy(update={"name": "longer", "epochs": 8, "rungs": (1, 8)})
    (tmp_path / "own.yaml").write_text("base: longer.yaml\nflip: true\n")
    assert load_recipe(str(tmp_path / "own.yaml")) == longer.model_copy(update={"name": "own", "flip": True})
    (tmp_path / "own.yaml").write_text("base: proxy\nepochs: 4\nrungs: [2, 4]\nname: mine\n")
    assert load_recipe(str(tmp_path / "own.yaml")).rungs == (2, 4)


def test_files_that_are_based_on_each_other_are_refused(tmp_path):
    (tmp_path / "one.yaml").write_text("base: two.yaml\n")
    (tmp_path / "two.yaml").write_text("base: ../" + tmp_path.name + "/one.yaml\n")
    with pytest.raises(RecipeError, match="it is based on itself"):
        load_recipe(str(tmp_path / "one.yaml"))


def test_absent_recipes_are_errors(tmp_path):
    with pytest.raises(RecipeError, match="No such file"):
        load_recipe(str(tmp_path / "absent.yaml"))
    with pytest.raises(UnknownNameError, match="Did you mean 'proxy'"):
        load_recipe("proxi")


LATER = {
    "sides",
    "augmentation_seed",
    "frozen_epochs",
    "frozen_stages",
    "layer_rate",
    "teacher_features",
    "rate_batch",
    "largest_batch",
    "wider",
    "wider_share",
    "soup_epochs",
    "fake_quant_from",
}
"""Fields that the first stored recipes had not."""


class LaterRecipe(Recipe):
    """A recipe of a later version, which has a field more and calls another otherwise."""

    blur: tuple[float, ...] = (0.0, 1.0)
    cut: float = Field(default=0.5, validation_alias=AliasChoices("cut", "crop"), serialization_alias="crop")


def test_a_later_field_at_its_default_does_not_tell_recipes_apart():
    first, later = Recipe(name="own", epochs=6), LaterRecipe(name="own", epochs=6)
    assert later.identity() == first.identity()
    assert first.identity() == {name: v for name, v in first.to_json().items() if name not in LATER}
    assert LaterRecipe.from_json(first.to_json()) == later
    assert LaterRecipe(name="own", epochs=6, blur=(0.1,)).identity() == {**first.identity(), "blur": [0.1]}


def test_a_renamed_field_keeps_its_stored_name():
    later = LaterRecipe.from_json({"name": "own", "epochs": 6, "cut": 0.7})
    assert later.identity()["crop"] == 0.7
    assert LaterRecipe.from_json(later.to_json()) == later
