"""Where a study's artifacts lie: files by id in a folder, linked rather than copied."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from optuna.artifacts.exceptions import ArtifactNotFound


class ArtifactFolders:
    """An Optuna artifact store over the folders of several studies.

    A checkpoint that becomes an artifact takes no further room: it is a second name of the same file,
    and only where the file system has no links a copy.

    Args:
        folders: Returns where artifacts lie; new ones go into the first of them.
        linked: Whether files are linked, because nobody changes them, or copied.
    """

    def __init__(self, folders: Callable[[], list[Path]], *, linked: bool = True) -> None:
        self._folders = folders
        self._linked = linked

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Return an artifact, open for reading.

        Raises:
            ArtifactNotFound: if no folder holds it.
        """
        return self._find(artifact_id).open("rb")

    def holds(self, artifact_id: str) -> bool:
        """Return whether an artifact is still there; weights of networks that fell behind are removed."""
        return any((folder / Path(artifact_id).name).is_file() for folder in self._folders())

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep a file under an id."""
        folder = self._folders()[0]
        folder.mkdir(parents=True, exist_ok=True)
        source, target = content_body.name, folder / artifact_id
        if self._linked:
            try:
                os.link(source, target)
            except OSError:  # another disk, or one without links
                shutil.copyfile(source, target)
        else:
            shutil.copyfile(source, target)

    def remove(self, artifact_id: str) -> None:
        """Forget a file.

        Raises:
            ArtifactNotFound: if no folder holds it.
        """
        self._find(artifact_id).unlink()

    def _find(self, artifact_id: str) -> Path:
        for folder in self._folders():
            path = folder / Path(artifact_id).name  # never outside the folder
            if path.is_file():
                return path
        raise ArtifactNotFound(f"no folder holds the artifact '{artifact_id}'")
