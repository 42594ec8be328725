"""Stores which recipe was chosen for a network that is trained again, so that it is chosen once."""

from typing import Any, Final

import optuna

from nas.study.study import Attributed
from trials.recipe_choice import RecipeChoice
from trials.training.recipe import Recipe

_CHOSEN: Final = "nas:retrain_recipe:"  # and the number of the trial


def chosen_recipe(study: Attributed, trial: int) -> RecipeChoice | None:
    """Return the recipe that was chosen for a network; None if none was yet."""
    record: dict[str, Any] | None = study.user_attrs.get(f"{_CHOSEN}{trial}")
    return None if record is None else RecipeChoice(Recipe.from_json(record["recipe"]), record["reason"])


def store_choice(study: optuna.Study, trial: int, choice: RecipeChoice) -> None:
    """Store the recipe that was chosen for a network."""
    record = {"recipe": choice.recipe.to_json(), "reason": choice.reason}
    study.set_user_attr(f"{_CHOSEN}{trial}", record)
