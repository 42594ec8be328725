"""Why networks are accurate, and what follows for other budgets."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from dashboards.explanation import Explanation
from nas.explanation.explain_study import explain_study, write_figures
from nas.resources import slots_here
from nas.scaling.family import Scaled, base_of, check_budgets, family, find_with_study
from nas.scaling.family import write as write_family
from nas.scaling.rules import RULES
from nas.scaling.trained_evaluator import training_evaluator
from nas.storage.optuna_storage import open_storage, storage_url
from nas.study.study import find
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError
from trials.datasets import open_images
from trials.recipes import load_recipe


def explain(
    study: str | None = None,
    *,
    budget: str | Sequence[str] = (),
    to: str | Path | None = None,
    seed: int = 0,
    storage: str | None = None,
) -> Explanation:
    """Return which factors matter in a study, and the settings that are best within a budget.

    Args:
        study: Its name; by default the latest.
        budget: Rules are found within each of these; by default within the study's own.
        to: Folder for ``explanation.json`` and the figures as HTML; nothing is written without it.
        seed: Of what is drawn.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        UserError: if there is no such study, it has too few trained networks, or nothing fits a budget.
    """
    if seed < 0:
        raise InvalidValueError(f"Cannot use seed {seed}: expected at least 0.")
    texts = [budget] if isinstance(budget, str) else budget
    budgets = [Budget.parse(text) for text in texts]
    found = explain_study(find(open_storage(storage_url(storage)), study), budgets, seed=seed)
    if to is not None:
        write_figures(found, Path(to))
    return found


def scale(
    network: str,
    *,
    budget: str | Sequence[str] = (),
    rule: str | None = None,
    to: str | Path | None = None,
    train: bool = False,
    data: str = "digits",
    recipe: str = "proxy",
    seed: int = 0,
    storage: str | None = None,
    told: Callable[[str], None] | None = None,
) -> list[Scaled]:
    """Return a network for each budget, made of one by a rule, each filled to 98 % or more.

    Args:
        network: See `nas.study.network_lookup.find_network`.
        budget: One or several that can be counted; each gets a network of its own.
        rule: A file in nas/rules; by default ``front`` for a study and its networks, else ``compound``.
        to: Folder in which each is written as architecture JSON; nothing is written without it.
        train: Whether the steps of ``x3d`` are decided by trainings instead of the study's surrogate.
        data: What they train on.
        recipe: How they train.
        seed: Of the trainings.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        told: Called with a line after each training.

    Raises:
        UserError: if something given cannot be used, the rule is not defined for it, or nothing fits.
    """
    url = storage_url(storage)
    budgets = [Budget.parse(text) for text in ([budget] if isinstance(budget, str) else budget)]
    check_budgets(budgets)
    if rule is not None:
        RULES[rule]  # before anything slow: is there one?
    found, study = find_with_study(network, url)
    chosen = rule or ("front" if study is not None else "compound")
    if train and chosen != "x3d":
        raise InvalidValueError(f"The rule {chosen} trains nothing: expected --rule x3d with --train.")
    judge = None
    if train:
        splits, device = open_images(data, seed=seed, cache=None), slots_here(1, None).device
        found = replace(found, num_classes=len(splits.classes), in_channels=splits.channels)
        judge = training_evaluator(
            found.architecture,
            splits,
            load_recipe(recipe),
            seed=seed,
            device=torch.device(device),
            told=told or (lambda _: None),
        )
    needs_study = chosen == "front" or (chosen == "x3d" and not train)
    members = family(found, base_of(found, study if needs_study else None, judge), budgets, chosen)
    if to is not None:
        write_family(members, Path(to))
    return members
