"""Says where the files of a study are: stored relative to the folder of its database, found after a move."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import optuna

from nas.storage.optuna_internals import database_url
from nas.storage.own_folder import found_again, placed, portable
from nas.study.settings import Settings

FOLDER: Final = "nas:folder"
"""Attribute with where the files are, as `nas.storage.own_folder.portable` returns it."""
FOLDER_SEEN: Final = "nas:folder_seen"
"""Attribute with the absolute path or URL where the files were when they were written to last."""
MARK: Final = "belongs-to.json"
"""File in a study's folder that says whose the folder is, see `nas.files.ownership`."""
_FORMER: Final = "nas:former_folders"
_IDENTITY: Final = "nas:id"


def begin_places(study: optuna.Study, folder: str) -> None:
    """Give a new study its identity, and store where its files are.

    Args:
        study: A study that nothing was stored with.
        folder: Absolute path or URL.
    """
    study.set_user_attr(_IDENTITY, uuid.uuid4().hex)
    study.set_user_attr(FOLDER_SEEN, folder)
    study.set_user_attr(FOLDER, portable(folder, database_url(study)))


def folder_of(study: optuna.Study) -> str:
    """Return the folder or URL of the study's checkpoints, weights and log."""
    return folder_in(study.user_attrs, database_url(study))


def folder_in(user_attrs: Mapping[str, Any], url: str | None) -> str:
    """Return the folder or URL of a study's files.

    Where the database alone was copied, that is the folder of the study that it was copied from.

    Args:
        user_attrs: Attributes of the study.
        url: URL of its storage; None for one in memory.
    """
    stored = str(user_attrs[FOLDER])
    place, seen = placed(stored, url), Path(str(user_attrs.get(FOLDER_SEEN, "")))
    if "://" in place:
        return place
    left_behind = place != stored and not Path(place).exists() and seen.is_absolute()
    left_behind = left_behind and _is_marked(seen, user_attrs)
    return str(seen) if left_behind else found_again(place, url)


def _is_marked(folder: Path, user_attrs: Mapping[str, Any]) -> bool:
    """Return whether a folder has the mark of the study with these attributes."""
    try:
        record = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return bool(record["id"] == user_attrs[_IDENTITY])
    except (OSError, ValueError, KeyError, TypeError):  # none, or one that cannot be read
        return False


def keep_folder(study: optuna.Study, folder: str) -> None:
    """Store where the files of a study are from now on."""
    stored, before = portable(folder, database_url(study)), str(study.user_attrs[FOLDER])
    if stored != before:
        study.set_user_attr(_FORMER, list(dict.fromkeys([*former_folders(study.user_attrs), before])))
        study.set_user_attr(FOLDER, stored)
    if study.user_attrs.get(FOLDER_SEEN) != folder:
        study.set_user_attr(FOLDER_SEEN, folder)


def former_folders(user_attrs: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the locations, as they were stored, that a study's files had before."""
    return tuple(user_attrs.get(_FORMER, ()))


def identity_of(study: optuna.Study) -> str | None:
    """Return what tells a study from others of its name; one of an earlier version may have none yet."""
    found = study.user_attrs.get(_IDENTITY)
    return None if found is None else str(found)


def given_identity(study: optuna.Study) -> str:
    """Return the identity of a study, which one of an earlier version gets now."""
    known = identity_of(study)
    if known is None:
        known = uuid.uuid4().hex
        study.set_user_attr(_IDENTITY, known)
    return known


def with_places(settings: Settings, user_attrs: Mapping[str, Any], url: str | None) -> Settings:
    """Return stored settings with the paths of images and teacher where these are now."""
    teacher = settings.recipe.get("teacher")
    recipe = settings.recipe
    if teacher is not None:
        recipe = {**recipe, "teacher": place_now(teacher, user_attrs, url)}
    named = settings.teacher
    return replace(
        settings,
        data=place_now(settings.data, user_attrs, url),
        recipe=recipe,
        teacher=None if named is None else place_now(named, user_attrs, url),
    )


def with_portable_places(settings: Settings, url: str | None) -> Settings:
    """Return settings as they are stored, with paths below the storage's own folder relative to it."""
    teacher, recipe = settings.recipe.get("teacher"), settings.recipe
    if teacher is not None:
        recipe = {**recipe, "teacher": portable(teacher, url)}
    named = None if settings.teacher is None else portable(settings.teacher, url)
    return replace(settings, data=portable(settings.data, url), recipe=recipe, teacher=named)


def place_now(stored: str, user_attrs: Mapping[str, Any], url: str | None) -> str:
    """Return where a stored path is now; any other text, and a path that was not moved along, unchanged.

    A study of an earlier version stored whole paths. What lay beside its folder then is looked for beside its
    folder now.
    """
    if not Path(stored).is_absolute():
        return placed(stored, url)
    before = Path(str(user_attrs.get(FOLDER, ""))).parent.parent
    if not before.is_absolute() or not Path(stored).is_relative_to(before):
        return stored
    now = Path(folder_in(user_attrs, url)).parent.parent / Path(stored).relative_to(before)
    return str(now) if now.exists() else stored
