"""Trains a trial whose files are behind a URL: downloads the checkpoint, uploads one after each epoch."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from nas.files.local_paths import image_cache
from nas.files.remote_folder import RemoteFolder
from nas.files.urls import is_url
from nas.storage.retry import Retry
from trials.training.attempt_fence import ATTEMPT, check_attempt
from trials.training.checksum import CHECKSUM
from trials.training.epoch_progress import EpochProgress
from trials.training.epoch_result import EpochResult
from trials.training.file_names import CHECKPOINT, PREDICTIONS, WEIGHTS
from trials.training.run_trial import TrialConfig, run_trial

T = TypeVar("T")
_SAVED = (
    CHECKPOINT,
    PREDICTIONS,
    WEIGHTS + CHECKSUM,
    WEIGHTS,
)  # weights last: when they exist, so does their checksum


def run_with_uploads(
    config: TrialConfig,
    report: Callable[[EpochResult], None],
    progress: Callable[[EpochProgress], None] | None = None,
) -> None:
    """Run a trial whose folder may be a path or a URL, see `trials.training.run_trial.run_trial`.

    With a path, it trains in that folder. With a URL, it trains in a temporary folder that starts with the
    checkpoint from the URL. An epoch is reported after its checkpoint (and after the last epoch the weights)
    was uploaded. If the URL is unreachable, uploads are retried, see `nas.storage.retry`.

    Args:
        config: Description of the trial, whose folder may be a URL.
        report: Called with each epoch's result, in order; may raise to stop the trial.
        progress: Called every few seconds of a long epoch; None for nobody.

    Raises:
        FilesError: if the URL stays unreachable or rejects an upload.
        TrainingError: if the training cannot continue.
        SupersededError: if a later attempt trains this trial.
    """
    url = config.folder
    if not is_url(url):
        run_trial(config, report, progress)
        return
    with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
        synced = _SyncedFolder(url, Path(scratch), config.attempt)
        synced.download()
        if config.donor is not None and is_url(config.donor):
            config = replace(config, donor=str(_fetched_donor(config.donor, Path(scratch))))

        def report_uploaded(result: EpochResult) -> None:
            synced.upload()
            report(result)

        run_trial(replace(config, folder=scratch, cache=str(image_cache(url))), report_uploaded, progress)


def _fetched_donor(url: str, scratch: Path) -> Path:
    """Return the downloaded file of the weights that networks begin with."""
    folder, _, name = url.rpartition("/")
    path = scratch / name
    Retry(lambda _: None, lambda: False)(lambda: RemoteFolder(folder).fetch(name, path))
    return path


class _SyncedFolder:
    """Temporary folder of one attempt at a training, synchronised with a URL."""

    def __init__(self, url: str, scratch: Path, attempt: str | None) -> None:
        self._remote, self._scratch, self._attempt = RemoteFolder(url), scratch, attempt
        self._retry = Retry(lambda _: None, lambda: False)  # logs outages by itself
        self._uploaded: dict[str, tuple[int, int]] = {}

    def download(self) -> None:
        """Download the checkpoint of an earlier attempt, if there is one."""
        self._check()
        if self._fetched(CHECKPOINT):
            self._uploaded[CHECKPOINT] = self._version(CHECKPOINT)

    def upload(self) -> None:
        """Upload the files that changed since the last upload."""
        changed = [
            n for n in _SAVED if (self._scratch / n).exists() and self._uploaded.get(n) != self._version(n)
        ]
        if changed:
            self._check()
        for name in changed:
            self._retry(lambda name=name: self._remote.put(self._scratch / name, name))  # type: ignore[misc]
            self._uploaded[name] = self._version(name)

    def _check(self) -> None:
        """Raise `SupersededError` if a later attempt trains this trial."""
        if self._attempt is not None:
            self._fetched(ATTEMPT)
            check_attempt(self._scratch, self._attempt)

    def _fetched(self, name: str) -> bool:
        """Download a file; return whether it exists."""

        def fetch() -> bool:
            try:
                self._remote.fetch(name, self._scratch / name)
            except FileNotFoundError:
                return False
            return True

        return self._retry(fetch)

    def _version(self, name: str) -> tuple[int, int]:
        """Return inode and time of a file, which change when another file is renamed over it."""
        status = (self._scratch / name).stat()
        return status.st_ino, status.st_mtime_ns
