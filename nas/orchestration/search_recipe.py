"""Chooses the recipe of a search where none is named; a search that was begun goes on by its recipe."""

from dataclasses import replace
from typing import Final

from nas.orchestration.teacher_choice import taught
from nas.study.settings import Settings
from nas.study.study import known_settings
from trials.recipes import load_recipe
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
