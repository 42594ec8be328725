"""Implements ``nas.studies``, ``check_studies``, ``rename_study`` and ``delete_study``."""

from nas.administration import renaming, study_admin
from nas.administration.consistency import Finding, findings
from nas.administration.study_admin import StudySummary
from nas.api._process_state import process_left_as_found
from nas.storage.database import checked_database
from nas.storage.optuna_storage import existing_storage, exists, storage_url
from nas.storage.store import Store
from nas.study.study import find, names_of_searches


@process_left_as_found()
def studies(*, storage: str | None = None) -> tuple[StudySummary, ...]:
    """Return the searches in a storage with the disk space of each, oldest first.

    Args:
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
    """
    url = storage_url(storage)
    checked_database(url)
    return study_admin.study_summaries(existing_storage(url)) if exists(url) else ()


@process_left_as_found()
def check_studies(study: str | None = None, *, storage: str | None = None) -> tuple[Finding, ...]:
    """Return the inconsistencies of a study in the database and its folder; nothing is changed.

    Args:
        study: Name of the study; by default all studies of the storage.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study; the message suggests the nearest name.
    """
    url = storage_url(storage)
    checked_database(url)
    if study is None and not exists(url):
        return ()
    opened = existing_storage(url)
    with Store(url):  # creates our tables if they are missing
        pass
    names = [study] if study is not None else names_of_searches(opened)
    return tuple(finding for name in names for finding in findings(find(opened, name), url))


@process_left_as_found()
def rename_study(study: str, new: str, *, storage: str | None = None) -> None:
    """Rename a study and its folder.

    Args:
        study: Present name of the study.
        new: New name, which also names the folder.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study, a search runs on it, or the new name is invalid or in use.
    """
    renaming.rename(existing_storage(storage_url(storage), writing=True), study, new)


@process_left_as_found()
def delete_study(study: str, *, storage: str | None = None) -> tuple[str, ...]:
    """Delete a study with its checkpoints, weights and log; its latency measurements are kept.

    Files that another storage uses, for example the one that this was copied from, are left where they are.

    Args:
        study: Name of the study.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Returns:
        Folders and URLs whose files were left, because nothing shows that they belong to this storage.

    Raises:
        StudyError: if there is no such study, or a search runs on it.
    """
    return study_admin.delete(existing_storage(storage_url(storage), writing=True), study)
