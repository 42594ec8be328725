"""Finds the supernet of a study: the one that it has trained, or that it uses of another study."""

from pathlib import Path
from typing import Any

import optuna

from nas.files.locating import files_of
from nas.storage.optuna_internals import database_url
from nas.storage.optuna_storage import existing_storage
from nas.study.expected_values import SUPERNET_FOLDER, expected_values
from nas.study.places import identity_of
from nas.study.study import is_ours, settings_of
from search_spaces.errors import StudyError
from trials.training.file_names import SUPERNET

_NAME = f"{SUPERNET_FOLDER}/{SUPERNET}"


def own_supernet(study: optuna.Study) -> Path | None:
    """Return the file of the supernet that a study has trained; None if there is none."""
    files = files_of(study)
    path = Path(files.place(_NAME))
    return path if files.shared_folder is not None and path.exists() else None


def about_source(source: optuna.Study) -> dict[str, Any]:
    """Return what a study that uses the supernet of another keeps of that, as JSON has it."""
    expected = expected_values(source.user_attrs)
    images = None if expected is None else expected.about.get("images")
    return {"study": source.study_name, "study_id": identity_of(source), "images": images}


def supernet_source(study: optuna.Study) -> optuna.Study | None:
    """Return the study whose supernet a study uses: itself if it trains its own; None if that is gone.

    A study that was renamed since is found by its identity.
    """
    name, url = settings_of(study).supernet, database_url(study)
    if name is None:
        return study
    if url is None:
        return None
    expected = expected_values(study.user_attrs)
    identity = None if expected is None else expected.about.get("study_id")
    storage = existing_storage(url)
    for summary in optuna.get_all_study_summaries(storage=storage):
        if not is_ours(summary.user_attrs):
            continue
        found = optuna.load_study(study_name=summary.study_name, storage=storage)
        if (identity is None and found.study_name == name) or (identity and identity_of(found) == identity):
            return found
    return None


def supernet_file(study: optuna.Study) -> Path:
    """Return the file of the supernet that a study has trained or uses.

    Raises:
        StudyError: if it has none, or the file is gone.
    """
    settings = settings_of(study)
    if settings.evaluator == "train":
        raise StudyError(
            f"The study '{study.study_name}' has no supernet: expected one of a search with --evaluator "
            f"supernet or --supernet STUDY. Leave --weights out, or begin such a search."
        )
    source = supernet_source(study)
    path = None if source is None else own_supernet(source)
    if path is not None:
        return path
    if settings.supernet is None:
        begun = "was moved or deleted" if expected_values(study.user_attrs) else "is not trained yet"
        where = files_of(study).place(_NAME)
        raise StudyError(
            f"The supernet of '{study.study_name}' {begun}: expected '{where}'. Restore it, type the search "
            f"again, or leave --weights out."
        )
    gone = "that study is gone" if source is None else f"expected '{files_of(source).place(_NAME)}'"
    raise StudyError(
        f"The supernet of '{settings.supernet}', which '{study.study_name}' uses, is not there: {gone}. "
        f"Restore it, or leave --weights out."
    )
