"""Artifacts of a study behind a URL: serves exports and, without copying them, the files of trials."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from typing_extensions import override

from dashboards.artifacts import ArtifactPlace
from nas.files.remote_folder import RemoteFolder
from nas.files.study_files import ARTIFACTS
from nas.study.naming import trial_folder
from search_spaces.errors import FilesError
from trials.training.file_names import CHECKPOINT, WEIGHTS

_log = logging.getLogger(__name__)

_FILES: Final = (WEIGHTS, CHECKPOINT, "architecture.json", "network.svg")
_CACHE_S: Final = 30.0


class RemoteArtifacts(ArtifactPlace):
    """Artifact store behind a URL.

    The id of a trial's file encodes its path, so the file need not be copied to become an artifact.

    Args:
        url: URL of the study's folder.
        former: Locations, as they were stored, that the folder had before; ids that were given there hold.
        clock: Returns monotonic time in seconds.
    """

    def __init__(
        self, url: str, former: Sequence[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = RemoteFolder(url)
        self._prefix, *others = (hashlib.sha256(u.encode()).hexdigest()[:12] for u in (url, *former))
        self._prefixes = frozenset([self._prefix, *others])
        self._clock = clock
        self._names: frozenset[str] = frozenset()
        self._until_s = 0.0
        self._lock = threading.Lock()

    def id_of(self, trial: int, file: str) -> str:
        """Return the artifact id of a trial's file, in characters that Optuna's dashboard accepts."""
        return f"{self._prefix}-{trial:05d}-{_FILES.index(file)}"

    @override
    def holds(self, artifact_id: str) -> bool:
        """Return whether it exists; cached for 30 s, because a page asks for hundreds at once."""
        with self._lock:
            if self._clock() >= self._until_s:
                try:
                    self._names = frozenset(self._folder.sizes())
                except FilesError as error:
                    _log.warning("%s", error)
                self._until_s = self._clock() + _CACHE_S
            return self._name(artifact_id) in self._names

    @override
    def read(self, artifact_id: str) -> BinaryIO:
        return self._folder.opened(self._name(artifact_id))

    @override
    def write(self, artifact_id: str, source: Path, *, linked: bool) -> None:
        self._folder.put(source, self._name(artifact_id))
        self._until_s = 0.0

    @override
    def remove(self, artifact_id: str) -> None:
        self._folder.remove(self._name(artifact_id))
        self._until_s = 0.0

    def _name(self, artifact_id: str) -> str:
        """Return the path of an artifact below the study's folder."""
        prefix, _, rest = artifact_id.partition("-")
        trial, _, file = rest.partition("-")
        if prefix in self._prefixes and trial.isdecimal() and file.isdecimal() and int(file) < len(_FILES):
            return f"{trial_folder(int(trial))}/{_FILES[int(file)]}"
        return f"{ARTIFACTS}/{Path(artifact_id).name}"  # never outside the folder
