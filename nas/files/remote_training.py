"""Trains a trial whose files lie behind a URL: here, with everything put there epoch by epoch."""

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
from trials.training.epoch_result import EpochResult
from trials.training.run_trial import CHECKPOINT, WEIGHTS, TrialConfig, run_trial

T = TypeVar("T")
_SAVED = (CHECKPOINT, WEIGHTS + CHECKSUM, WEIGHTS)  # weights last: whoever sees them can check them


def run_kept(config: TrialConfig, report: Callable[[EpochResult], None]) -> None:
    """Run a trial wherever its folder lies; see `trials.training.run_trial.run_trial`.

    In a folder that this machine sees, it trains there. With a URL it trains in a folder of its own, which
    begins with the checkpoint from the URL and ends with the training; an epoch is reported once its
    checkpoint, and after the last one the weights, are behind the URL. A URL that does not answer is
    waited for, see `nas.storage.retry`.

    Args:
        config: Description of the trial, in which the folder may be a URL.
        report: Called with each epoch's result, in order; may raise to stop the trial.

    Raises:
        FilesError: if the URL stays away, or refuses what is put there.
        TrainingError: if the training cannot go on.
        SupersededError: if a later attempt trains this.
    """
    url = config.folder
    if not is_url(url):
        run_trial(config, report)
        return
    with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
        kept = _Kept(url, Path(scratch), config.attempt)
        kept.bring()

        def told(result: EpochResult) -> None:
            kept.save()
            report(result)

        run_trial(replace(config, folder=scratch, cache=str(image_cache(url))), told)


class _Kept:
    """The files of one attempt at a training, here and behind a URL."""

    def __init__(self, url: str, scratch: Path, attempt: str | None) -> None:
        self._remote, self._scratch, self._attempt = RemoteFolder(url), scratch, attempt
        self._patient = Retry(lambda _: None, lambda: False)  # it logs what it does
        self._put: dict[str, tuple[int, int]] = {}

    def bring(self) -> None:
        """Fetch the checkpoint that an earlier attempt left, if there is one."""
        self._check()
        if self._fetched(CHECKPOINT):
            self._put[CHECKPOINT] = self._version(CHECKPOINT)

    def save(self) -> None:
        """Put what the training has written since the last time."""
        changed = [n for n in _SAVED if (self._scratch / n).exists() and self._put.get(n) != self._version(n)]
        if changed:
            self._check()
        for name in changed:
            self._patient(lambda name=name: self._remote.put(self._scratch / name, name))  # type: ignore[misc]
            self._put[name] = self._version(name)

    def _check(self) -> None:
        """Raise if a later attempt trains this."""
        if self._attempt is not None:
            self._fetched(ATTEMPT)
            check_attempt(self._scratch, self._attempt)

    def _fetched(self, name: str) -> bool:
        """Return whether there is a file of that name, which then is here too."""

        def fetch() -> bool:
            try:
                self._remote.fetch(name, self._scratch / name)
            except FileNotFoundError:
                return False
            return True

        return self._patient(fetch)

    def _version(self, name: str) -> tuple[int, int]:
        """Return what changes when a file is written anew, by renaming another into its place."""
        told = (self._scratch / name).stat()
        return told.st_ino, told.st_mtime_ns
