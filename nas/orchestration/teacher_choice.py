"""Finds the network that a search or retraining learns from, and says what asking it takes."""

from pathlib import Path
from typing import Final

import torch

from nas.files.locating import files_of
from nas.storage.optuna_storage import existing_storage, exists
from nas.study.delivered_weights import weights_of
from nas.study.network_lookup import is_in_files, is_there
from nas.study.results import chosen_network, result_of, split_network
from nas.study.study import find, names_of_searches
from search_spaces.errors import RecipeError
from search_spaces.paths import expanded
from trials.donors import is_source
from trials.images.splits import Splits
from trials.teachers.opening import is_file
from trials.training.lessons import says_by_row
from trials.training.output_files import forecast_bytes
from trials.training.output_folders import MOST_BYTES
from trials.training.recipe import Recipe
from trials.training.teacher import load_teacher

SEED: Final = 0
"""Seed of order and augmentation in trainings with ``--teacher``, unless the recipe has one."""


def typed(teacher: str | None, url: str) -> str | None:
    """Return the text of ``--teacher`` as it is stored: a path is absolute, other names are as they are."""
    if teacher is None:
        return None
    return str(expanded(teacher).resolve()) if is_file(teacher) or is_in_files(teacher, url) else teacher


def taught(recipe: Recipe, teacher: str | None, url: str) -> Recipe:
    """Return a recipe with the teacher that was asked for, or its own, as trainings open it.

    Args:
        recipe: The recipe.
        teacher: A path, ``module:function``, ``STUDY#12`` or a study; None for the teacher of the recipe.
        url: URL of the storage in which studies are looked for.

    Raises:
        StudyError: if there is no such network.
        RecipeError: if its weights are not on this machine.
    """
    if teacher is None:
        own = recipe.teacher
        return recipe if own is None else recipe.model_copy(update={"teacher": _source(own, url)})
    seed = SEED if recipe.augmentation_seed is None else recipe.augmentation_seed
    return recipe.model_copy(update={"teacher": _source(teacher, url), "augmentation_seed": seed})


def _source(teacher: str, url: str) -> str:
    """Return what `trials.teachers.opening.open_teacher` reads, a file for a network of a study."""
    if is_file(teacher) or is_in_files(teacher, url):
        return str(typed(teacher, url))
    if ":" in teacher or (not is_there(teacher) and is_source(teacher)):
        return teacher
    name, number = split_network(teacher)
    storage = existing_storage(url) if exists(url) else None
    if storage is None or ("#" not in teacher and name not in names_of_searches(storage)):
        return teacher  # opening it says what was expected
    study = find(storage, name)
    network = chosen_network(result_of(study), number)
    files = files_of(study)
    weights = weights_of(study, network, exists=files.exists).file
    path = Path(files.place(weights))
    if files.shared_folder is None or not path.is_file():
        raise RecipeError(
            f"Cannot learn from network #{network.trial} of '{study.study_name}': expected its weights on "
            f"this machine, at '{files.place(weights)}'. Export it with nas export, and name the folder."
        )
    return str(path)


def teacher_lines(recipe: Recipe, splits: Splits) -> tuple[str, ...]:
    """Return in lines what the teacher of a recipe is asked, after checking that it suits the images.

    Args:
        recipe: Recipe of the trainings; one without a teacher has no lines.
        splits: The images.

    Raises:
        RecipeError: if the teacher cannot be opened, or has other classes or channels.
        UnknownNameError: if a module or function cannot be found.
    """
    teacher = load_teacher(recipe, splits, torch.device("cpu"))
    if teacher is None:
        return ()
    first, *notes = (_asked(recipe, splits), *teacher.notes)
    return (f"Teacher  {recipe.teacher}, {first}", *(f"         {note}" for note in notes))


def _asked(recipe: Recipe, splits: Splits) -> str:
    """Return in words how often a teacher is asked, and the disk space of what it says."""
    images = len(splits.train)
    if recipe.teacher_features > 0:
        return "asked in every step of every training, for the sake of its feature maps"
    if says_by_row(recipe, images):
        asked, size = "asked once about each image", forecast_bytes(images, len(splits.classes), 1)
    elif recipe.augmentation_seed is None:
        return "asked in every step of every training"
    else:
        each = min(images, recipe.epoch_images or images)
        asked = f"asked once about each image of {recipe.epochs} epochs"
        size = forecast_bytes(each, len(splits.classes), recipe.epochs)
    kept = f"its answers take {size / 2**20:,.1f} MiB beside the decoded images"
    limit = f", of at most {MOST_BYTES / 2**30:.0f} GiB for all teachers" if size > MOST_BYTES / 8 else ""
    return f"{asked}; {kept}{limit}"
