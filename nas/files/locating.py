"""Opens the files of a study from its folder or URL, and checks before a search that it can be written."""

from collections.abc import Sequence
from pathlib import Path

import optuna

from dashboards.artifacts import ArtifactPlace
from nas.files.local_files import LocalFiles
from nas.files.local_paths import local_folder
from nas.files.paths import absolute_path
from nas.files.remote_artifacts import RemoteArtifacts
from nas.files.remote_files import RemoteFiles
from nas.files.remote_folder import RemoteFolder
from nas.files.staging import check_writable
from nas.files.study_files import StudyFiles
from nas.files.urls import checked_url, is_url
from nas.storage.optuna_internals import database_url
from nas.study.places import folder_of, former_folders
from search_spaces.errors import InvalidValueError


def files_of(study: optuna.Study) -> StudyFiles:
    """Return the files of a study of ``nas search``."""
    storage = database_url(study) or "sqlite://"
    return files_at(folder_of(study), study.study_name, storage, former_folders(study.user_attrs))


def files_at(folder: str, study: str, storage: str, former: Sequence[str] = ()) -> StudyFiles:
    """Return the files of a study.

    Args:
        folder: Path or URL of the study's folder.
        study: Name of the study.
        storage: URL of the database.
        former: Locations, as they were stored, that the files had before.
    """
    if is_url(folder):
        return RemoteFiles(folder, local_folder(study, storage), former)
    return LocalFiles(Path(folder))


def artifacts_at(folder: str, former: Sequence[str] = ()) -> ArtifactPlace:
    """Return the artifact store of the study whose files are in a folder or behind a URL."""
    return RemoteArtifacts(folder, former) if is_url(folder) else LocalFiles(Path(folder)).artifacts()


def usable_location(text: str) -> str:
    """Return an absolute path or a URL at which files of studies can be written; nothing is created.

    Raises:
        InvalidValueError: if the text is neither a usable path nor a usable URL, or contains a password.
        FilesError: if a test file cannot be written to, read from and removed from the URL.
    """
    if is_url(text):
        url = checked_url(text)
        RemoteFolder(url).probe()
        return url
    return str(usable_folder(text))


def usable_folder(text: str) -> Path:
    """Return the absolute path of a folder in which files of studies can be written; nothing is created.

    Raises:
        InvalidValueError: if the text is no path of such a folder.
    """
    home = absolute_path(text, "--storage-path")
    try:
        check_writable(home)
    except OSError as error:
        raise InvalidValueError(
            f"Cannot use --storage-path '{home}': {error.strerror}. Expected a folder that can be written."
        ) from error
    return home
