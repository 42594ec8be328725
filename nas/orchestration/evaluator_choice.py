"""Chooses the evaluator of a search, and plans its work before anything is created."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import optuna
import torch

from nas.evaluators import EVALUATORS, SearchFacts, Work
from nas.files.supernet_file import about_source, own_supernet
from nas.files.urls import is_url
from nas.resources import Slots
from nas.storage.optuna_storage import existing_storage
from nas.study.expected_values import expected_values
from nas.study.settings import Settings
from nas.study.study import find, known_settings
from nas.study.supernet_record import so_far
from search_spaces.errors import InvalidValueError, StudyError
from search_spaces.pricing import Prices
from search_spaces.space import SearchSpace
from trials.images.splits import Splits
from trials.training.free_memory import free_memory
from trials.training.recipe import Recipe

_LEARNER: Final = "factor_gp"  # the sampler that uses evidence
_OWN: Final = "train"
_SHARED: Final = "supernet"


def evaluator_named(evaluator: str | None, supernet: str | None) -> str:
    """Return the name of the evaluator that was asked for.

    Args:
        evaluator: Its name; None for the default.
        supernet: Study whose supernet is used; None for none.

    Raises:
        InvalidValueError: if a supernet is named for another evaluator.
    """
    if supernet is not None and evaluator not in {None, _SHARED}:
        raise InvalidValueError(
            f"Cannot use the supernet of '{supernet}' with the evaluator '{evaluator}': expected "
            f"--evaluator {_SHARED}, or none. Leave one of them out."
        )
    return evaluator or (_OWN if supernet is None else _SHARED)


def check_evaluator(evaluator: str, sampler: str, storage_path: str, *, weights: str | None = None) -> None:
    """Raise unless a search with this sampler, place and source of weights can use an evaluator.

    Raises:
        UnknownNameError: if there is no such evaluator.
        InvalidValueError: if the sampler uses no evidence, files lie behind a URL, or networks begin with
            trained weights, which no evaluator but the default knows.
    """
    EVALUATORS[evaluator]
    if evaluator == _OWN:
        return
    if weights is not None:
        raise InvalidValueError(
            f"The evaluator '{evaluator}' trains weights of its own and cannot begin with '{weights}': "
            f"expected one of --evaluator and --weights. Leave one out."
        )
    if sampler != _LEARNER:
        raise InvalidValueError(
            f"The sampler '{sampler}' cannot use what the evaluator '{evaluator}' expects: expected "
            f"{_LEARNER}. Leave out --evaluator, or take --sampler {_LEARNER}."
        )
    if is_url(storage_path):
        raise InvalidValueError(
            f"The evaluator '{evaluator}' keeps its files in a folder: expected a path at --storage-path, on "
            f"a cluster one that all nodes share. Leave out --evaluator, or give a folder."
        )


def planned_work(
    settings: Settings,
    space: SearchSpace,
    prices: Prices,
    recipe: Recipe,
    splits: Splits,
    slots: Slots,
    *,
    name: str,
    url: str,
    cache: Path,
    trials: int,
    local: bool,
) -> Work | None:
    """Return what the evaluator of a search does before its trainings, None for nothing or nothing more.

    Args:
        settings: What defines the search.
        space: Its space.
        prices: The space with the costs of the networks.
        recipe: Recipe of its trainings.
        splits: Its images.
        slots: Resources of its trainings.
        name: Name of its study.
        url: Database URL.
        cache: Folder of decoded images.
        trials: Number of networks to train.
        local: Whether it trains on this machine.

    Raises:
        UserError: if the search cannot be evaluated so.
    """
    evaluator, band = EVALUATORS[settings.evaluator], None
    if known_settings(url, name) is not None:
        begun = find(existing_storage(url), name)
        if expected_values(begun.user_attrs) is not None:
            return None
        band = so_far(begun.user_attrs).get("band")
    on_cpus = slots.device == "cpu"
    source = None if settings.supernet is None else find(existing_storage(url), settings.supernet)
    work = evaluator.work(
        SearchFacts(
            space=space,
            prices=prices,
            budgets=settings.budgets,
            recipe=recipe,
            splits=splits,
            data=settings.data,
            cache=str(cache),
            seed=settings.seed,
            metric=settings.metric,
            trials=trials,
            device=slots.device,
            threads=slots.threads * (slots.count if on_cpus and local else 1),
            memory=free_memory(torch.device("cpu")) if on_cpus and local else None,
            weights=None if source is None else _weights(source),
            band=None if band is None else (int(band[0]), int(band[1])),
        )
    )
    if work is None or source is None:
        return work
    return replace(work, about={**work.about, **about_source(source)})


def _weights(study: optuna.Study) -> Path:
    """Return the file of the supernet that a study has trained.

    Raises:
        StudyError: if it has none.
    """
    path = own_supernet(study)
    if path is None:
        raise StudyError(
            f"The study '{study.study_name}' has no trained supernet: expected one of a search with "
            f"--evaluator {_SHARED} that has trained its own. Name another with --supernet."
        )
    return path
