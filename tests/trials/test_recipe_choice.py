"""A retraining's recipe fits the size of its network and its images, and says why."""

import pytest
import torch

from trials.datasets import open_images
from trials.images.handedness import Handedness
from trials.images.splits import Splits
from trials.recipe_choice import fitting, settled
from trials.recipes import RECIPES
from trials.training import flips
from trials.training.loop import train
from trials.training.recipe import Recipe


@pytest.fixture(scope="module")
def digits() -> Splits:
    return open_images("digits", seed=0, cache=None)


@pytest.fixture
def photographs(digits: Splits, monkeypatch: pytest.MonkeyPatch) -> Splits:
    """Images that may be mirrored."""
    monkeypatch.setattr(flips, "handedness_of", lambda _: Handedness(True, "they are photographs"))
    return digits


def test_digits_are_trained_as_ever_whatever_the_network(digits: Splits):
    for params in (2 * len(digits.train), 10**7):
        assert fitting(params, digits).recipe == RECIPES["full"]


def test_more_parameters_never_mean_less_regularisation(photographs: Splits):
    images = len(photographs.train)
    found = [fitting(params, photographs).recipe for params in (images, 2 * images, 1_000 * images)]
    assert [recipe.name for recipe in found] == ["tiny", "full", "full"]
    assert [recipe.flip for recipe in found] == [True, True, True]


def test_the_choice_names_the_recipe_the_sizes_and_what_decides_about_mirroring(photographs: Splits):
    choice = fitting(10, photographs)
    assert choice.recipe.flip is True
    for words in ("Recipe tiny for 10 parameters", "Images are mirrored at random: they are photographs."):
        assert words in choice.reason


def test_a_recipe_that_says_whether_to_mirror_is_left_alone(photographs: Splits):
    for said in (True, False):
        recipe = Recipe(name="own", epochs=1, flip=said, warmup_epochs=0)
        assert settled(recipe, photographs).recipe is recipe


def test_training_decides_about_mirroring_what_its_recipe_leaves_open(small_network, tiny_splits: Splits):
    found = []
    for flip in ("detect", settled(RECIPES["strong"], tiny_splits).recipe.flip):
        recipe = Recipe(name="own", epochs=1, flip=flip, warmup_epochs=0, precision="fp32")
        device = torch.device("cpu")
        training = train(small_network(), tiny_splits, recipe, resolution=12, seed=0, device=device)
        found += [result.train_loss for result in training]
    assert found[0] == found[1]
