"""Implements ``nas.explain`` and ``nas.scale``: factor effects of a study, and families of networks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import torch

from dashboards.explanation import Explanation
from dashboards.stage_sensitivity import StageSensitivity
from nas.api._numbers import check_at_least, check_images
from nas.api._process_state import process_left_as_found
from nas.explanation.explain_study import explain_study, write_figures
from nas.files.staging import output_folder, staged_folder
from nas.orchestration.stage_sensitivity import stage_sensitivity as measure_stages
from nas.resources import slots_here
from nas.scaling.family import Scaled, base_of, check_budgets, family, find_with_study
from nas.scaling.family import write as write_family
from nas.scaling.rules import RULES
from nas.scaling.trained_evaluator import training_evaluator
from nas.storage.optuna_storage import existing_storage, storage_url
from nas.storage.store import Store
from nas.study.network_lookup import FoundNetwork
from nas.study.results import chosen_network, result_of, split_network
from nas.study.study import find
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.recipes import load_recipe

_EXPLAINING: Final = "write the explanation to"
_SCALING: Final = "write the family to"


@process_left_as_found()
def explain(
    study: str | None = None,
    *,
    budget: str | Sequence[str] = (),
    to: str | Path | None = None,
    seed: int = 0,
    storage: str | None = None,
) -> Explanation:
    """Return the effects of factors in a study, and the best settings within a budget.

    Args:
        study: Name of the study; by default the latest.
        budget: Budgets for the best settings; by default those of the study. Those that have to be measured,
            such as a latency, are not considered.
        to: Folder for ``explanation.json`` and the figures as HTML; nothing is written without it.
        seed: Seed of the random draws, at least 0.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Raises:
        UserError: if there is no such study, it has too few trained networks, all budgets have to be
            measured, or nothing fits one.
    """
    check_at_least("seed", seed, 0)
    texts = [budget] if isinstance(budget, str) else budget
    budgets = [Budget.parse(text) for text in texts]
    folder = None if to is None else output_folder(to, _EXPLAINING)
    found = explain_study(find(existing_storage(storage_url(storage)), study), budgets, seed=seed)
    if folder is not None:
        with staged_folder(folder, _EXPLAINING) as stage:
            write_figures(found, stage)
    return found


@process_left_as_found()
def stage_sensitivity(network: str | None = None, *, storage: str | None = None) -> StageSensitivity:
    """Return which stage of a network loses how much by weights of 8 and of 4 bits, all others in fp32.

    Args:
        network: ``STUDY#12``, or a study, which stands for its best network; by default the latest study.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Raises:
        UserError: if there is no such network, or its weights or images are not there any more.
    """
    url = storage_url(storage)
    name, trial = split_network(network)
    study = find(existing_storage(url), name)
    with Store(url) as store:
        chosen = chosen_network(result_of(study, store), trial)
    return measure_stages(study, chosen)


@process_left_as_found()
def scale(
    network: str,
    *,
    budget: str | Sequence[str] = (),
    rule: str | None = None,
    to: str | Path | None = None,
    classes: int | None = None,
    channels: int | None = None,
    train: bool = False,
    data: str | None = None,
    recipe: str | None = None,
    seed: int | None = None,
    storage: str | None = None,
    report_line: Callable[[str], None] | None = None,
) -> list[Scaled]:
    """Scale a network by a rule: return one for each budget, the widest that fits.

    Where channels can grow in small steps, each takes at least 98 % of its budget; `Scaled.share` says how
    much.

    Args:
        network: Name or path of a network, see `nas.study.network_lookup.find_network`.
        budget: One or several budgets of counted costs; each gives one network.
        rule: Name of a rule; by default ``front`` for a study and its networks, else ``compound``.
        to: Folder for the networks as architecture JSON; nothing is written without it.
        classes: Number of classes, at least 2; by default those of the study or export, else 1000.
        channels: Image channels, 1 for greyscale or 3 for colour; by default those of the study or export,
            else 3.
        train: Whether steps of ``x3d`` are chosen by trainings instead of the study's surrogate.
        data: Images for these trainings, by default ``digits``.
        recipe: Recipe of these trainings, by default ``proxy``.
        seed: Seed of these trainings, by default 0.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        report_line: Called with one line after each training.

    Raises:
        UserError: if something given cannot be used, the rule is not defined for it, or nothing fits.
    """
    url = storage_url(storage)
    budgets = [Budget.parse(text) for text in ([budget] if isinstance(budget, str) else budget)]
    check_budgets(budgets)
    if rule is not None:
        RULES[rule]  # an unknown name is an error before anything slow
    folder = None if to is None else output_folder(to, _SCALING)
    start = 0 if seed is None else seed
    check_at_least("--seed", start, 0)
    found, study = find_with_study(network, url)
    found = _with_images(found, classes, channels, train=train)
    chosen = rule or ("front" if study is not None else "compound")
    if train and chosen != "x3d":
        raise InvalidValueError(f"Cannot use --train with the rule {chosen}: expected --rule x3d.")
    evaluator = None
    if train:
        images_at = partial(_images_at, data or "digits", start)
        splits, device = images_at(None), slots_here(1, None).device
        found = replace(found, num_classes=len(splits.classes), in_channels=splits.channels)
        evaluator = training_evaluator(
            found.architecture,
            images_at,
            load_recipe(recipe or "proxy"),
            seed=start,
            device=torch.device(device),
            report_line=report_line or (lambda _: None),
        )
    needs_study = chosen == "front" or (chosen == "x3d" and not train)
    members = family(found, base_of(found, study if needs_study else None, evaluator), budgets, chosen)
    if folder is not None:
        with staged_folder(folder, _SCALING) as stage:
            write_family(members, stage)
    return members


def _images_at(data: str, seed: int, resolution: int | None) -> Splits:
    return open_images(data, seed=seed, cache=None, resolution=resolution)


def _with_images(
    found: FoundNetwork, classes: int | None, channels: int | None, *, train: bool
) -> FoundNetwork:
    """Return a network for another number of classes or image channels, where one is given.

    Raises:
        InvalidValueError: if a number cannot be counted for, or the images of ``--train`` decide it.
    """
    for name, value in (("classes", classes), ("channels", channels)):
        if value is not None and train:
            raise InvalidValueError(f"Cannot use --{name} with --train: its images decide. Leave it out.")
    check_images("--", classes=classes, channels=channels)
    return replace(
        found,
        num_classes=found.num_classes if classes is None else classes,
        in_channels=found.in_channels if channels is None else channels,
    )
