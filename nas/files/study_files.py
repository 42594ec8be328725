"""Interface to the files of one study: `LocalFiles` in a folder, `RemoteFiles` behind a URL."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from dashboards.artifacts import ArtifactPlace

ARTIFACTS: Final = "artifacts"


class StudyFiles(ABC):
    """Checkpoints, weights and artifacts of one study, by names such as ``trials/00012/checkpoint.pt``.

    Attributes:
        location: Path or URL of the study's folder.
        local_folder: Folder on this machine for the log, the lock and Ray files.
    """

    def __init__(self, location: str, local_folder: Path) -> None:
        self.location: Final = location
        self.local_folder: Final = local_folder

    @property
    def shared_folder(self) -> Path | None:
        """Shared folder of the study; None if the files are behind a URL."""
        return self.local_folder if self.location == str(self.local_folder) else None

    def place(self, name: str) -> str:
        """Return the path or URL of a file or folder."""
        return f"{self.location}/{name}"

    @abstractmethod
    def check(self) -> None:
        """Check that the files can be reached.

        Raises:
            FilesError: if they cannot.
        """

    @abstractmethod
    def unreachable(self) -> bool:
        """Return whether the files are on another machine and invisible to this one."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""

    @abstractmethod
    def sizes(self, below: str = "") -> dict[str, int]:
        """Return the sizes in bytes of the files below a folder, by name."""

    def disk_bytes(self) -> int:
        """Return the disk space of all files in bytes; hard links count once."""
        return sum(self.sizes().values())

    @abstractmethod
    def fetched(self, name: str) -> AbstractContextManager[Path]:
        """Return a local copy of a file, with its checksum file beside it, while the block runs.

        Raises:
            FileNotFoundError: if there is no such file.
        """

    @abstractmethod
    def write(self, name: str, content: str) -> None:
        """Write a text file."""

    @abstractmethod
    def put(self, name: str, source: Path) -> None:
        """Copy a file of this machine here."""

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Delete files, and folders with their content; missing ones are ignored."""

    @abstractmethod
    def begin_attempt(self, trial: int) -> str:
        """Begin a new attempt at a trial and return its name, see `trials.training.attempt_fence`."""

    @abstractmethod
    def artifact_id(self, trial: int, file: str) -> str | None:
        """Return the artifact id of a trial's file that is served in place; None if it needs a hard link."""

    @abstractmethod
    def artifacts(self) -> ArtifactPlace:
        """Return the artifact store of the study."""
