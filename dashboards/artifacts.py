"""Optuna artifact stores: one over several studies, and a folder that hard-links files instead of copying."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from optuna.artifacts.exceptions import ArtifactNotFound
from typing_extensions import override


class ArtifactPlace(ABC):
    """Stores the artifacts of one study by id."""

    @abstractmethod
    def holds(self, artifact_id: str) -> bool:
        """Return whether the artifact exists."""

    @abstractmethod
    def read(self, artifact_id: str) -> BinaryIO:
        """Return the artifact, open for reading.

        Raises:
            FileNotFoundError: if it does not exist.
        """

    @abstractmethod
    def write(self, artifact_id: str, source: Path, *, linked: bool) -> None:
        """Store a file, as a link if `linked` and the file system supports it, else as a copy."""

    @abstractmethod
    def remove(self, artifact_id: str) -> None:
        """Remove the artifact if it exists."""


class ArtifactFolder(ArtifactPlace):
    """Stores artifacts as files of one folder.

    A checkpoint that becomes an artifact takes no extra disk space: it is a hard link to the same file, and a
    copy only where the file system has no hard links.

    Args:
        folder: Folder of the artifacts; created by the first write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def holds(self, artifact_id: str) -> bool:
        return self._path(artifact_id).is_file()

    @override
    def read(self, artifact_id: str) -> BinaryIO:
        return self._path(artifact_id).open("rb")

    @override
    def write(self, artifact_id: str, source: Path, *, linked: bool) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        target = self._path(artifact_id)
        if linked:
            try:
                os.link(source, target)
            except OSError:  # another disk, or one without links
                shutil.copyfile(source, target)
        else:
            shutil.copyfile(source, target)

    @override
    def remove(self, artifact_id: str) -> None:
        self._path(artifact_id).unlink(missing_ok=True)

    def _path(self, artifact_id: str) -> Path:
        return self._folder / Path(artifact_id).name  # never outside the folder


class Artifacts:
    """An Optuna artifact store over the artifacts of several studies.

    Args:
        places: Function that returns the stores of all studies; new artifacts go into the first.
        linked: Whether files may be hard-linked, because nobody changes them, instead of copied.
    """

    def __init__(self, places: Callable[[], Sequence[ArtifactPlace]], *, linked: bool = True) -> None:
        self._places = places
        self._linked = linked

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Return an artifact, open for reading.

        Raises:
            ArtifactNotFound: if no study has it.
        """
        try:
            return self._find(artifact_id).read(artifact_id)
        except FileNotFoundError as error:  # removed a moment ago
            raise ArtifactNotFound(f"the artifact '{artifact_id}' is gone") from error

    def holds(self, artifact_id: str) -> bool:
        """Return whether an artifact exists; weights of less accurate networks are removed in time."""
        return any(place.holds(artifact_id) for place in self._places())

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Store a file under an id."""
        self._places()[0].write(artifact_id, Path(content_body.name), linked=self._linked)

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact.

        Raises:
            ArtifactNotFound: if no study has it.
        """
        self._find(artifact_id).remove(artifact_id)

    def _find(self, artifact_id: str) -> ArtifactPlace:
        for place in self._places():
            if place.holds(artifact_id):
                return place
        raise ArtifactNotFound(f"no study has the artifact '{artifact_id}'")
