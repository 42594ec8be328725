"""The images of a study, read again after the search."""

from pathlib import Path

import optuna

from nas.files.local_paths import image_cache
from nas.study.study import folder_of, settings_of
from search_spaces.errors import DataError
from trials.datasets import open_images
from trials.images.splits import Splits


def images_for(study: optuna.Study) -> Splits:
    """Return the images that a study was begun with, divided as they were.

    Raises:
        DataError: if they have moved or changed since.
    """
    settings = settings_of(study)
    splits = open_images(settings.data, seed=settings.seed, cache=image_cache_of(study))
    if splits.fingerprint != settings.data_fingerprint:
        raise DataError(
            f"The images '{settings.data}' have changed since the search: expected those that "
            f"'{study.study_name}' was begun with. Bring them back, and give the same command again."
        )
    return splits


def image_cache_of(study: optuna.Study) -> Path:
    """Return the folder of decoded images that a study shares with its neighbours."""
    return image_cache(folder_of(study))
