"""Training recipes, one file each that binds ``RECIPE``; users write their own as YAML with the same fields.

An entry point of the group ``trials.recipes`` adds one from another package.
"""

from pathlib import Path
from typing import Final

from search_spaces.shelf import Shelf
from trials.training.recipe import Recipe, recipe_from_yaml

RECIPES: Final = Shelf[Recipe](__name__, "RECIPE", "recipe", Recipe)


def load_recipe(name: str) -> Recipe:
    """Return the recipe named `name`, or the one in the YAML file at `name`.

    Raises:
        UnknownNameError: if there is no recipe of that name.
        RecipeError: if the file cannot be used.
    """
    if Path(name).suffix in {".yaml", ".yml"}:
        return recipe_from_yaml(Path(name))
    return RECIPES[name]
