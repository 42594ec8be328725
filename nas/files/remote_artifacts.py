"""The artifacts of a study behind a URL: exports by their ids, and the trials' own files where they lie."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from typing_extensions import override

from dashboards.artifacts import ArtifactPlace
from nas.files.remote_folder import RemoteFolder
from nas.files.study_files import ARTIFACTS
from nas.study.naming import trial_folder
from search_spaces.errors import FilesError
from trials.training.run_trial import CHECKPOINT, WEIGHTS

_log = logging.getLogger(__name__)

_FILES: Final = (WEIGHTS, CHECKPOINT, "architecture.json", "network.svg")
_FRESH_S: Final = 30.0


class RemoteArtifacts(ArtifactPlace):
    """Hands out what lies behind a URL.

    A file of a trial is no artifact of its own there: its id says where it lies, so that nothing is copied.

    Args:
        url: Of the study's folder.
        clock: Returns seconds that only rise.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = RemoteFolder(url)
        self._mark = hashlib.sha256(url.encode()).hexdigest()[:12]
        self._clock = clock
        self._there: frozenset[str] = frozenset()
        self._until_s = 0.0
        self._looking = threading.Lock()

    def id_of(self, trial: int, file: str) -> str:
        """Return the id of a trial's file, of letters that Optuna's dashboard takes in one."""
        return f"{self._mark}-{trial:05d}-{_FILES.index(file)}"

    @override
    def holds(self, artifact_id: str) -> bool:
        """Return whether it was there half a minute ago: a page asks for hundreds at once."""
        with self._looking:
            if self._clock() >= self._until_s:
                try:
                    self._there = frozenset(self._folder.sizes())
                except FilesError as error:
                    _log.warning("%s", error)
                self._until_s = self._clock() + _FRESH_S
            return self._name(artifact_id) in self._there

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
        """Return where an artifact lies, or would if it were of this study."""
        mark, _, rest = artifact_id.partition("-")
        trial, _, file = rest.partition("-")
        if mark == self._mark and trial.isdecimal() and file.isdecimal() and int(file) < len(_FILES):
            return f"{trial_folder(int(trial))}/{_FILES[int(file)]}"
        return f"{ARTIFACTS}/{Path(artifact_id).name}"  # never outside the folder
