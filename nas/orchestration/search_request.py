"""Checks what a search was asked for as far as that needs neither images nor a device."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.orchestration.deployed_form import deploy_dtype_of
from nas.orchestration.deployed_space import deployed_space
from nas.orchestration.evaluator_choice import check_evaluator
from nas.orchestration.search_input import check_learning, check_names, check_numbers
from nas.orchestration.search_recipe import search_recipe
from nas.orchestration.teacher_choice import taught
from nas.study.naming import checked_name
from search_spaces.budget import Budget
from search_spaces.loading import load
from search_spaces.space import SearchSpace
from trials.recipes import load_recipe
from trials.training.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """Options of a search, read.

    Attributes:
        budgets: The most that networks may take.
        recipe: Training recipe, with its teacher.
        targets: Names of the devices on which a budget asks for a latency.
        space: Search space; None where images and budgets choose it.
        deploy_dtype: Numbers in which networks are deployed: ``fp32`` or ``int8``.
    """

    budgets: tuple[Budget, ...]
    recipe: Recipe
    targets: tuple[str, ...]
    space: SearchSpace | None
    deploy_dtype: str


def read_request(
    *,
    budget: Sequence[str],
    space: str | None,
    trials: int,
    hours: float | None,
    study: str | None,
    url: str,
    sampler: str,
    recipe: str | None,
    seed: int,
    storage_path: str,
    learn_from: Sequence[str],
    evaluator: str,
    teacher: str | None,
    weights: str | None,
    metric: str,
    keep_checkpoints: int,
    log_to: str | None,
    deploy_dtype: str | None,
) -> SearchRequest:
    """Return the options of `nas.search`, read and checked.

    Raises:
        UserError: if any of them cannot be read or used.
    """
    budgets = tuple(Budget.parse(text) for text in budget)
    check_numbers(budgets, trials=trials, hours=hours, seed=seed, keep_checkpoints=keep_checkpoints)
    check_names(metric=metric, log_to=log_to, sampler=sampler)
    check_evaluator(evaluator, sampler, storage_path, weights=weights)
    check_learning(learn_from, sampler)
    training = taught(load_recipe(search_recipe(recipe, weights)), teacher, url)
    targets = dict.fromkeys(str(budget.target) for budget in budgets if not budget.counted)
    form = deploy_dtype_of(deploy_dtype, budgets)
    named = None
    if space is not None:
        named = deployed_space(load(space), form, targets=tuple(targets), evaluator=evaluator)
    if study is not None:
        checked_name(study)
    return SearchRequest(
        budgets=budgets, recipe=training, targets=tuple(targets), space=named, deploy_dtype=form
    )
