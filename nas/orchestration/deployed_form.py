"""Decides in which numbers the networks of a search are deployed, by which they are valued."""

from collections.abc import Sequence
from typing import Final

from search_spaces.budget import Budget
from search_spaces.errors import UnknownNameError
from trials.target_names import find_target
from trials.training.recipe import Recipe

FP32: Final = "fp32"
INT8: Final = "int8"
DEPLOY_DTYPES: Final = (FP32, INT8)

AWARE_FROM: Final = 0.7
"""Share of a training after which it is fake-quantised where its network is deployed in int8."""


def quantisation_aware(recipe: Recipe) -> Recipe:
    """Return a recipe that is quantisation-aware from `AWARE_FROM` on."""
    return recipe.model_copy(update={"fake_quant_from": AWARE_FROM})


def says_when(recipe: Recipe) -> bool:
    """Return whether a recipe says itself from when on it is quantisation-aware."""
    return "fake_quant_from" in recipe.model_fields_set


def trained_for(recipe: Recipe, deploy_dtype: str) -> Recipe:
    """Return a recipe as it trains networks for their deployed form: quantisation-aware for int8.

    A recipe that says itself from when on it is, stays as it is.
    """
    return recipe if deploy_dtype != INT8 or says_when(recipe) else quantisation_aware(recipe)


def deploy_dtype_of(asked: str | None, budgets: Sequence[Budget]) -> str:
    """Return the numbers in which networks are deployed: as asked, else int8 if any budget is in int8.

    Args:
        asked: What the user asked for; None for what the budgets say.
        budgets: Budgets of the search.

    Raises:
        UnknownNameError: if there is no such form, or no such target of a budget.
        TargetError: if the name of a target cannot be parsed or its file cannot be used.
    """
    if asked is not None and asked not in DEPLOY_DTYPES:
        raise UnknownNameError.of("form as deployed", asked, DEPLOY_DTYPES)
    targets = [find_target(str(budget.target)) for budget in budgets if not budget.counted]
    if asked is not None:
        return asked
    timed = any(dict(target.options).get("dtype") == INT8 for target in targets)
    counted = any(budget.bytes_per_element == 1 for budget in budgets if budget.counted)
    return INT8 if timed or counted else FP32
