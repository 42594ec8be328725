"""Files of a study in a folder, which all machines of a search see at the same path."""

import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import override

from dashboards.artifacts import ArtifactFolder, ArtifactPlace
from nas.files.study_files import ARTIFACTS, StudyFiles
from nas.study.naming import trial_folder
from trials.training.attempt_fence import begin_attempt


class LocalFiles(StudyFiles):
    """Files in a local or shared folder, read and written in place.

    Args:
        folder: Folder of the study.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), folder)

    @override
    def check(self) -> None:
        """Do nothing: the folder is created on first use."""

    @override
    def unreachable(self) -> bool:
        return not self.local_folder.is_dir()

    @override
    def exists(self, name: str) -> bool:
        return (self.local_folder / name).exists()

    @override
    def sizes(self, below: str = "") -> dict[str, int]:
        found = {}
        for path in (self.local_folder / below).rglob("*"):
            try:
                if path.is_file():
                    found[path.relative_to(self.local_folder).as_posix()] = path.stat().st_size
            except FileNotFoundError:  # a running search replaces its checkpoints
                continue
        return found

    @override
    def disk_bytes(self) -> int:
        sizes: dict[tuple[int, int], int] = {}
        for path in self.local_folder.rglob("*"):
            try:
                stat_result = path.lstat()
            except FileNotFoundError:  # a running search replaces its checkpoints
                continue
            if not stat.S_ISDIR(stat_result.st_mode):
                sizes[stat_result.st_dev, stat_result.st_ino] = stat_result.st_size
        return sum(sizes.values())

    @override
    @contextmanager
    def fetched(self, name: str) -> Iterator[Path]:
        if not self.exists(name):
            raise FileNotFoundError(name)
        yield self.local_folder / name

    @override
    def write(self, name: str, content: str) -> None:
        path = self.local_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}-draft")
        draft.write_text(content, encoding="utf-8")
        draft.replace(path)

    @override
    def put(self, name: str, source: Path) -> None:
        path = self.local_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}-draft")
        shutil.copyfile(source, draft)
        draft.replace(path)  # a killed copy leaves no half of a file under its name

    @override
    def remove(self, names: Iterable[str]) -> None:
        for path in (self.local_folder / name for name in names):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    @override
    def begin_attempt(self, trial: int) -> str:
        return begin_attempt(self.local_folder / trial_folder(trial))

    @override
    def artifact_id(self, trial: int, file: str) -> str | None:
        return None

    @override
    def artifacts(self) -> ArtifactPlace:
        return ArtifactFolder(self.local_folder / ARTIFACTS)
