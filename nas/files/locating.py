"""Finds the files of a study, and says before a search whether there is a place for them."""

from pathlib import Path

import optuna

from dashboards.artifacts import ArtifactPlace
from nas.files.local_files import LocalFiles
from nas.files.local_paths import own_folder
from nas.files.paths import absolute_path
from nas.files.remote_artifacts import RemoteArtifacts
from nas.files.remote_files import RemoteFiles
from nas.files.remote_folder import RemoteFolder
from nas.files.study_files import StudyFiles
from nas.files.urls import checked_url, is_url
from nas.study.study import folder_of, url_of
from search_spaces.errors import InvalidValueError


def files_of(study: optuna.Study) -> StudyFiles:
    """Return the files of a study that nas search began."""
    return files_at(folder_of(study), study.study_name, url_of(study) or "sqlite://")


def files_at(folder: str, study: str, storage: str) -> StudyFiles:
    """Return the files of a study.

    Args:
        folder: Where they lie, the path of a folder or a URL.
        study: Its name.
        storage: URL of its database.
    """
    if is_url(folder):
        return RemoteFiles(folder, own_folder(study, storage))
    return LocalFiles(Path(folder))


def artifacts_at(folder: str) -> ArtifactPlace:
    """Return where the artifacts of a study lie whose files lie in a folder or behind a URL."""
    return RemoteArtifacts(folder) if is_url(folder) else LocalFiles(Path(folder)).artifacts()


def usable_location(text: str) -> str:
    """Return where the files of all studies can be kept: the path of a folder that is there, or a URL.

    Raises:
        InvalidValueError: if it can be neither, or the URL holds a password.
        FilesError: if files cannot be put behind the URL, read and removed now.
    """
    if is_url(text):
        url = checked_url(text)
        RemoteFolder(url).probe()
        return url
    home = absolute_path(text, "--storage-path")
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidValueError(
            f"Cannot use --storage-path '{home}': {error.strerror}. Expected a folder that can be written."
        ) from error
    return str(home)
