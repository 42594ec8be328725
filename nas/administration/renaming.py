"""Renames a study with its folder, and lets what names it follow."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import Connection, text

from nas.administration.study_references import Renaming
from nas.coordination.driver_session import without_drivers
from nas.files.local_files import LocalFiles
from nas.files.locating import files_of
from nas.files.ownership import is_own, mark
from nas.storage.database import storage_errors
from nas.storage.optuna_internals import study_id_of
from nas.storage.own_folder import portable
from nas.storage.store import Store
from nas.storage.user_view import stored_name
from nas.study.naming import checked_name
from nas.study.places import FOLDER, FOLDER_SEEN, MARK
from nas.study.study import find
from search_spaces.errors import StudyError


def rename(storage: RDBStorage, name: str, new: str) -> None:
    """Rename a study, and its folder if that has the same name and is its own; a URL is not changed.

    Raises:
        StudyError: if there is no such study, a search runs on it, or the new name is invalid or in use.
    """
    study = find(storage, name)
    if checked_name(new) in optuna.get_all_study_names(storage=storage):
        raise StudyError(f"Cannot rename '{name}': a study is called '{new}' already. Choose another name.")
    files = files_of(study)
    old = files.local_folder
    named = old.with_name(stored_name(new)) if old.name == stored_name(name) else old
    moved = named != old and not old.exists() and is_own(study, LocalFiles(named))
    own = moved or is_own(study, LocalFiles(old))  # moved: by an earlier attempt that was killed
    folder = named if own else old
    if folder != old and folder.exists() and not moved:
        raise StudyError(
            f"Cannot rename '{name}': the folder '{folder}' exists already. Choose another name."
        )
    with Store(storage.url):  # creates our tables if they are missing
        pass
    location = str(folder) if files.location == str(old) else files.location
    places = {FOLDER: portable(location, storage.url), FOLDER_SEEN: location}
    renaming = Renaming(
        old=name, new=new, old_folder=portable(files.location, storage.url), new_folder=places[FOLDER]
    )
    following = [
        (storage.get_study_id_from_name(other.study_name), key, value)
        for other in optuna.get_all_study_summaries(storage=storage)
        for key, value in renaming.changes(other.user_attrs)
    ]
    moves = folder != old and old.exists()
    with (
        without_drivers(study),
        _moved_back_on_error(old, folder, moves=moves),
        storage_errors(storage.url),
        storage.engine.begin() as connection,
    ):
        _write_name(connection, study, new, places)
        for key, attribute, value in following:
            _write_attribute(connection, key, attribute, value)
        if moves:
            old.rename(folder)  # just before the commit: if it fails, nothing is renamed
    renamed = find(storage, new)
    for place in (files_of(renamed), LocalFiles(folder)):
        if place.exists(MARK) and is_own(renamed, place):
            mark(renamed, place)  # with the new name


@contextmanager
def _moved_back_on_error(old: Path, new: Path, *, moves: bool) -> Iterator[None]:
    """Give a folder its old name again if the block has renamed it and fails after that."""
    try:
        yield
    except BaseException:
        if moves and new.exists() and not old.exists():
            new.rename(old)
        raise


def _write_name(connection: Connection, study: optuna.Study, new: str, places: Mapping[str, str]) -> None:
    """Write a name, and attributes that say where files are; Optuna cannot rename studies."""
    key = study_id_of(study)
    names = {"new": stored_name(new), "old": stored_name(study.study_name)}
    connection.execute(
        text("update studies set study_name = :new where study_id = :key"), {"new": names["new"], "key": key}
    )
    for name, place in places.items():
        _write_attribute(connection, key, name, place)
    for statement in (
        "update nas_exports set study = :new where study = :old",
        "update nas_jobs set study = :new where study = :old",
    ):
        connection.execute(text(statement), names)


def _write_attribute(connection: Connection, study_id: int, name: str, value: Any) -> None:
    connection.execute(
        text("update study_user_attributes set value_json = :new where study_id = :key and key = :name"),
        {"new": json.dumps(value), "key": study_id, "name": name},
    )
