"""Files of a study behind a URL: copied to a temporary folder to read, uploaded to write."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from typing_extensions import override

from dashboards.artifacts import ArtifactPlace
from nas.files.remote_artifacts import RemoteArtifacts
from nas.files.remote_folder import RemoteFolder
from nas.files.study_files import StudyFiles
from nas.study.naming import trial_folder
from trials.training.atomic_writing import is_draft
from trials.training.attempt_fence import ATTEMPT, begin_attempt
from trials.training.checksum import CHECKSUM


class RemoteFiles(StudyFiles):
    """Files behind a URL, downloaded while they are needed.

    Args:
        url: URL of the study's folder.
        local_folder: Folder on this machine for the log, the lock and Ray files.
        former: Locations, as they were stored, that the files had before.
    """

    def __init__(self, url: str, local_folder: Path, former: Sequence[str] = ()) -> None:
        super().__init__(url, local_folder)
        self._folder = RemoteFolder(url)
        self._artifacts = RemoteArtifacts(url, former)

    @override
    def check(self) -> None:
        self._folder.probe()

    @override
    def unreachable(self) -> bool:
        return False

    @override
    def exists(self, name: str) -> bool:
        return self._folder.exists(name)

    @override
    def sizes(self, below: str = "") -> dict[str, int]:
        return self._folder.sizes(below)

    @override
    @contextmanager
    def fetched(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
            copy = Path(scratch) / Path(name).name
            self._folder.fetch(name, copy)
            with suppress(FileNotFoundError):  # only weights have a checksum
                self._folder.fetch(name + CHECKSUM, copy.with_name(copy.name + CHECKSUM))
            yield copy

    @override
    def write(self, name: str, content: str) -> None:
        with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
            source = Path(scratch) / "text"
            source.write_text(content, encoding="utf-8")
            self.put(name, source)

    @override
    def put(self, name: str, source: Path) -> None:
        self._folder.put(source, name)

    @override
    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            self._folder.remove(name)

    @override
    def begin_attempt(self, trial: int) -> str:
        place = trial_folder(trial)
        with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
            name = begin_attempt(Path(scratch))
            self._folder.put(Path(scratch) / ATTEMPT, f"{place}/{ATTEMPT}")
        self.remove(file for file in self.sizes(place) if is_draft(file))
        return name

    @override
    def artifact_id(self, trial: int, file: str) -> str | None:
        return self._artifacts.id_of(trial, file)

    @override
    def artifacts(self) -> ArtifactPlace:
        return self._artifacts
