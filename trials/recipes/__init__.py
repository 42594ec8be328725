"""Training recipes, one file each that binds ``RECIPE``; users write their own as YAML with the same fields.

An entry point of the group ``trials.recipes`` adds one from another package. A recipe ``NAME`` may change:
its first edition stays as the file ``NAME_1``, and a study goes on by the edition in which it was begun.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from search_spaces.errors import RecipeError
from search_spaces.shelf import Shelf, without_editions
from trials.training.recipe import Recipe
from trials.training.recipe_file import recipe_from_yaml

_SUFFIXES: Final = frozenset({".yaml", ".yml"})

RECIPES: Final = Shelf[Recipe](__name__, "RECIPE", "recipe", Recipe)


def load_recipe(name: str) -> Recipe:
    """Return the recipe named `name`, or the one in the YAML file at `name`.

    Raises:
        UnknownNameError: if there is no recipe of that name.
        RecipeError: if the file cannot be used.
    """
    return _load(name, Path(), (), {})


def current_names() -> tuple[str, ...]:
    """Return the names of the recipes without earlier editions of another."""
    return without_editions(RECIPES)


def recipe_editions(name: str) -> Iterator[Recipe]:
    """Yield what `name`, or the YAML file at `name`, meant in earlier versions, the first edition first.

    Raises:
        UnknownNameError: if there is no recipe of that name.
        RecipeError: if the file cannot be used.
    """
    number = 1
    while edition := {
        base: RECIPES[f"{base}_{number}"].model_copy(update={"name": base})
        for base in RECIPES
        if f"{base}_{number}" in RECIPES
    }:
        yield _load(name, Path(), (), edition)
        number += 1


def _load(name: str, folder: Path, inside: tuple[Path, ...], edition: Mapping[str, Recipe]) -> Recipe:
    """Return a recipe by its name, or by its path from `folder`, for files that are based on it.

    Args:
        name: Name or path.
        folder: Folder that paths start from.
        inside: The files that are being read, each based on the next.
        edition: Recipes that names stand for, in place of the present ones.
    """
    if Path(name).suffix not in _SUFFIXES:
        return edition[name] if name in edition else RECIPES[name]
    path = folder / name
    file = path if "\0" in name else Path(os.path.realpath(path))  # reading it says what is wrong
    if file in inside:
        raise RecipeError(
            f"Cannot use the recipe '{path}': it is based on itself. Expected a 'base' that ends at one of "
            f"{', '.join(RECIPES)}, or at a file without a base."
        )
    return recipe_from_yaml(path, lambda base: _load(base, path.parent, (*inside, file), edition))
