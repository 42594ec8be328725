"""The files of one study, wherever they lie."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from dashboards.artifacts import ArtifactPlace

ARTIFACTS: Final = "artifacts"


class StudyFiles(ABC):
    """The checkpoints, weights and artifacts of one study, by names such as ``trials/00012/checkpoint.pt``.

    Attributes:
        where: The folder or URL that the study keeps.
        own: Folder of what this machine alone needs: log, lock, Ray's files.
    """

    def __init__(self, where: str, own: Path) -> None:
        self.where: Final = where
        self.own: Final = own

    @property
    def shared(self) -> Path | None:
        """Their folder where all machines of a search see it at this path; None where none is needed."""
        return self.own if self.where == str(self.own) else None

    def place(self, name: str) -> str:
        """Return the path or URL of a file or folder."""
        return f"{self.where}/{name}"

    @abstractmethod
    def check(self) -> None:
        """Check that they can be reached.

        Raises:
            FilesError: if not.
        """

    @abstractmethod
    def missing(self) -> bool:
        """Return whether they lie on another machine, where this one cannot see them."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""

    @abstractmethod
    def sizes(self, below: str = "") -> dict[str, int]:
        """Return the files below a folder with their bytes, by name."""

    def disk_bytes(self) -> int:
        """Return what they take where they lie; a file of two names counts once."""
        return sum(self.sizes().values())

    @abstractmethod
    def fetched(self, name: str) -> AbstractContextManager[Path]:
        """Return a file on this machine for as long as the block runs, its checksum beside it.

        Raises:
            FileNotFoundError: if there is none.
        """

    @abstractmethod
    def write(self, name: str, content: str) -> None:
        """Keep a text under a name."""

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Remove files, or folders with all that is in them, that are there."""

    @abstractmethod
    def begin_attempt(self, trial: int) -> str:
        """Return the name of a new attempt at a trial, see `trials.training.attempt_fence`."""

    @abstractmethod
    def artifact_id(self, trial: int, file: str) -> str | None:
        """Return the id by which a trial's file is handed out from where it lies; None if it needs a link."""

    @abstractmethod
    def artifacts(self) -> ArtifactPlace:
        """Return where its artifacts lie."""
