"""Opens the images of a study again after the search, and checks that they have not changed."""

import os
from dataclasses import replace
from pathlib import Path

import optuna

from nas.files.local_paths import image_cache
from nas.study.donor import normalisation_of
from nas.study.places import folder_of
from nas.study.study import settings_of
from search_spaces.errors import DataError
from trials.datasets import open_images
from trials.images.splits import Splits


def images_for(study: optuna.Study, resolution: int | None = None) -> Splits:
    """Return the images of a study, split and normalised as in the search.

    Args:
        study: The study.
        resolution: Resolution in pixels of the network that takes them, at which they are returned unless the
            study is of a version that resized images in two steps; None for the size that suits them all.

    Raises:
        DataError: if they were moved or changed since the search.
    """
    settings = settings_of(study)
    cache = image_cache_of(study)
    kept = cache if _may_be_written(cache) else None  # who may only read decodes them in memory
    side = resolution if settings.resized_once else None
    splits = open_images(settings.data, seed=settings.seed, cache=kept, resolution=side)
    if splits.fingerprint != settings.data_fingerprint:
        raise DataError(
            f"The images '{settings.data}' have changed since the search: expected those that the study "
            f"'{study.study_name}' was started with. Restore them, then run the same command "
            f"again; if this version reads them by newer rules, start another study."
        )
    adopted = normalisation_of(study)
    return splits if adopted is None else replace(splits, mean=adopted[0], std=adopted[1])


def _may_be_written(folder: Path) -> bool:
    """Return whether a folder can be written, or created."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(there, os.W_OK)


def image_cache_of(study: optuna.Study) -> Path:
    """Return the folder of decoded images, which studies in the same folder share."""
    return image_cache(folder_of(study))
