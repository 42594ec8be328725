"""Decides by the training images whether they are mirrored, where a recipe leaves that to them."""

from dataclasses import replace

from trials.images.handedness import handedness_of
from trials.images.splits import Splits
from trials.training.recipe import Recipe


def settled_flips(recipe: Recipe, splits: Splits) -> tuple[Recipe, str]:
    """Return the recipe with ``flip`` true or false, and a sentence why; an empty one if it said so itself.

    Args:
        recipe: Recipe, perhaps with ``flip: detect``.
        splits: Images of the training.
    """
    if recipe.flip != "detect":
        return recipe, ""
    found = handedness_of(splits.train)
    said = "Images are mirrored at random" if found.mirrored else "Images are not mirrored"
    return recipe.model_copy(update={"flip": found.mirrored}), f"{said}: {found.reason}."


def noted_flips(recipe: Recipe, splits: Splits) -> tuple[Recipe, Splits]:
    """Return the recipe as `settled_flips` does, and the images with the reason among their notes."""
    settled, reason = settled_flips(recipe, splits)
    return settled, replace(splits, notes=(*splits.notes, reason)) if reason else splits
