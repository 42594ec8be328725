"""One epoch."""

from typing import Final

from trials.training.recipe import Recipe

RECIPE: Final = Recipe(name="added_recipe", epochs=1, rungs=(1,))
