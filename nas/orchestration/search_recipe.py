"""Chooses the recipe of a search where none is named; a search that was begun goes on by its recipe."""

from dataclasses import replace
from typing import Final

from nas.orchestration.teacher_choice import taught
from nas.study.settings import Settings
from nas.study.study import known_settings
from trials.recipes import load_recipe, recipe_editions
from trials.training.recipe import Recipe

PROXY: Final = "proxy"
FINE_TUNE: Final = "fine_tune"


def search_recipe(named: str | None, weights: str | None) -> str:
    """Return the name of a search's recipe: the named one, else by what its networks begin with."""
    return named or (PROXY if weights is None else FINE_TUNE)


def begun_by_proxy(
    settings: Settings, training: Recipe, named: str | None, teacher: str | None, url: str, study: str | None
) -> tuple[Settings, Recipe]:
    """Return settings and recipe, those of a search with trained weights that was begun by ``proxy``.

    Earlier versions had no other default.

    Args:
        settings: Settings of the search as they are now.
        training: Its recipe.
        named: Recipe that was asked for; None for none.
        teacher: Network to learn from, as it was asked for.
        url: Database URL of its storage.
        study: Name that was asked for its study; None for the default.
    """
    if named is not None or settings.weights is None:
        return settings, training
    before = taught(load_recipe(PROXY), teacher, url)
    earlier = replace(settings, recipe=before.to_json())
    known = known_settings(url, study or earlier.default_name())
    return (earlier, before) if known is not None and known.recipe["name"] == PROXY else (settings, training)


def recipe_begun(
    settings: Settings, training: Recipe, named: str, teacher: str | None, url: str, study: str
) -> tuple[Settings, Recipe]:
    """Return settings and recipe, those of the edition of a recipe by which a study was begun.

    Args:
        settings: What is asked for, with the present edition of a recipe or of what it is based on.
        training: Its recipe.
        named: Name or file of the recipe.
        teacher: Network to learn from, as it was asked for.
        url: Database URL of the storage.
        study: Name of the study.
    """
    known = known_settings(url, study)
    if known is None or known.recipe == settings.recipe:
        return settings, training
    held = {**Recipe.defaults(), **known.recipe}
    for edition in recipe_editions(named):
        meant = taught(edition, teacher, url).to_json() | {"flip": settings.recipe["flip"]}
        if {**Recipe.defaults(), **meant} == held:
            return replace(settings, recipe=known.recipe), Recipe.from_json(known.recipe)
    return settings, training
