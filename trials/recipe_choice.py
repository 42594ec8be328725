"""Chooses the recipe that fits a network and its images, and settles what a recipe leaves to the images."""

from dataclasses import dataclass
from typing import Final

from trials.images.splits import Splits
from trials.recipes import RECIPES
from trials.training.flips import settled_flips
from trials.training.recipe import Recipe

TINY: Final = 1.0
"""Parameters for each training image, up to which `tiny` is chosen.

On ImageNet's 1.28 million images, networks of at most 0.75 million parameters lose by regularisation (Cai et
al., 2022, https://arxiv.org/abs/2110.08890).
"""


@dataclass(frozen=True, slots=True)
class RecipeChoice:
    """A recipe in which nothing is left to the images any more.

    Attributes:
        recipe: The recipe.
        reason: What was chosen and why, in sentences; empty if nothing was.
    """

    recipe: Recipe
    reason: str


def settled(recipe: Recipe, splits: Splits) -> RecipeChoice:
    """Return a recipe with what it leaves to the images, whether they are mirrored, decided."""
    return RecipeChoice(*settled_flips(recipe, splits))


def fitting(params: int, splits: Splits) -> RecipeChoice:
    """Return the recipe for a training to convergence that fits a network and its images.

    `tiny` for at most `TINY` parameters to a training image, otherwise `full`. Never `strong`, which is made
    for hundreds of epochs: it was 7 points below `full` on CIFAR-10, whatever the size of the network.

    Args:
        params: Parameters of the network.
        splits: The images that it is trained on.
    """
    ratio = params / len(splits.train)
    recipe = RECIPES["tiny" if ratio <= TINY else "full"].model_copy(update={"flip": "detect"})
    recipe, flips = settled_flips(recipe, splits)
    size = f"{params:,} parameters to {len(splits.train):,} training images"
    return RecipeChoice(
        recipe, f"Recipe {recipe.name} for {size}; tiny is for up to {TINY:g} to one. {flips}"
    )
