"""Opens the images of a study again after the search, and checks that they have not changed."""

from pathlib import Path

import optuna

from nas.files.local_paths import image_cache
from nas.study.places import folder_of
from nas.study.study import settings_of
from search_spaces.errors import DataError
from trials.datasets import open_images
from trials.images.splits import Splits


def images_for(study: optuna.Study) -> Splits:
    """Return the images of a study, split as in the search.

    Raises:
        DataError: if they were moved or changed since the search.
    """
    settings = settings_of(study)
    splits = open_images(settings.data, seed=settings.seed, cache=image_cache_of(study))
    if splits.fingerprint != settings.data_fingerprint:
        raise DataError(
            f"The images '{settings.data}' have changed since the search: expected those that the study "
            f"'{study.study_name}' was started with. Restore them, then run the same command "
            f"again; if this version reads them by newer rules, start another study."
        )
    return splits


def image_cache_of(study: optuna.Study) -> Path:
    """Return the folder of decoded images, which studies in the same folder share."""
    return image_cache(folder_of(study))
