"""Where the artifacts of studies lie: for one of them in a folder, linked rather than copied."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from optuna.artifacts.exceptions import ArtifactNotFound
from typing_extensions import override


class ArtifactPlace(ABC):
    """Where the artifacts of one study lie, by id."""

    @abstractmethod
    def holds(self, artifact_id: str) -> bool:
        """Return whether it is there."""

    @abstractmethod
    def read(self, artifact_id: str) -> BinaryIO:
        """Return it, open for reading.

        Raises:
            FileNotFoundError: if it is not there.
        """

    @abstractmethod
    def write(self, artifact_id: str, source: Path, *, linked: bool) -> None:
        """Keep a file, linked if nobody changes it and links can be had."""

    @abstractmethod
    def remove(self, artifact_id: str) -> None:
        """Remove it, if it is there."""


class ArtifactFolder(ArtifactPlace):
    """A folder of them.

    A checkpoint that becomes an artifact takes no further room: it is a second name of the same file,
    and only where the file system has no links a copy.

    Args:
        folder: Made when it is first written.
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
        places: Returns where artifacts lie; new ones go into the first of them.
        linked: Whether files are linked, because nobody changes them, or copied.
    """

    def __init__(self, places: Callable[[], Sequence[ArtifactPlace]], *, linked: bool = True) -> None:
        self._places = places
        self._linked = linked

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Return an artifact, open for reading.

        Raises:
            ArtifactNotFound: if it lies nowhere.
        """
        try:
            return self._find(artifact_id).read(artifact_id)
        except FileNotFoundError as error:  # removed a moment ago
            raise ArtifactNotFound(f"the artifact '{artifact_id}' is gone") from error

    def holds(self, artifact_id: str) -> bool:
        """Return whether an artifact is still there; weights of networks that fell behind are removed."""
        return any(place.holds(artifact_id) for place in self._places())

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep a file under an id."""
        self._places()[0].write(artifact_id, Path(content_body.name), linked=self._linked)

    def remove(self, artifact_id: str) -> None:
        """Forget a file.

        Raises:
            ArtifactNotFound: if it lies nowhere.
        """
        self._find(artifact_id).remove(artifact_id)

    def _find(self, artifact_id: str) -> ArtifactPlace:
        for place in self._places():
            if place.holds(artifact_id):
                return place
        raise ArtifactNotFound(f"the artifact '{artifact_id}' lies nowhere")
