"""Reads the studies of jobs for many readers: each study at most once a second, whoever asks."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import optuna

from dashboards.picture import picture
from dashboards.result import SearchResult
from nas.service.job import Job
from nas.storage.current_studies import CurrentStudies
from nas.storage.optuna_storage import exists, open_storage
from nas.storage.store import Store
from nas.study.results import result_of
from nas.study.study import images_of, is_ours
from search_spaces.counting import count_parts

_FRESH_S: Final = 1.0
_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class _Kept:
    """A search as it was read.

    Attributes:
        read_s: When, in seconds.
        ended: Ids of jobs that had ended before.
        result: The search; None if its study had not begun.
    """

    read_s: float
    ended: frozenset[str]
    result: SearchResult | None


class StudyReader:
    """The studies of one database as search results; methods are thread-safe.

    Args:
        url: URL of the database.
        clock: Returns monotonic time in seconds.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._clock = url, clock
        self._lock = threading.Lock()
        self._studies: CurrentStudies | None = None
        self._results: dict[str, _Kept] = {}

    def result(self, job: Job) -> SearchResult | None:
        """Return the search of a job, all of it if the job has ended; None if its study has not begun."""
        ended = frozenset() if job.is_open else frozenset({job.id})
        with self._lock:
            kept = self._results.get(job.study, _Kept(float("-inf"), frozenset(), None))
            if self._clock() - kept.read_s >= _FRESH_S or not ended <= kept.ended:
                result = self._read(job.study)
                kept = _Kept(self._clock(), kept.ended | ended, result)
                self._results[job.study] = kept
                while len(self._results) > _MOST:
                    del self._results[next(iter(self._results))]
            return kept.result

    def epochs(self, name: str) -> int:
        """Return how many epochs the networks of a study were trained in all."""
        with self._lock:
            study = self._found(name)
        trials = () if study is None else study.get_trials(deepcopy=False)
        return sum(len(trial.intermediate_values) for trial in trials)

    def picture(self, name: str, trial: int) -> str | None:
        """Return the SVG of a network, None if the study has no such trial."""
        with self._lock:
            study = self._found(name)
            result = None if study is None else self._read(name)
        found = () if result is None else (one for one in result.networks if one.trial == trial)
        network = next(iter(found), None)
        if study is None or network is None:
            return None
        images = images_of(study)
        parts = count_parts(
            network.architecture, num_classes=len(images["classes"]), in_channels=images["channels"]
        )
        return picture(network.architecture, parts)

    def _read(self, name: str) -> SearchResult | None:
        study = self._found(name)
        if study is None:
            return None
        with Store(self._url) as store:
            return result_of(study, store)

    def _found(self, name: str) -> optuna.Study | None:
        if self._studies is None:
            if not exists(self._url):
                return None
            self._studies = CurrentStudies(open_storage(self._url))
        try:
            study = optuna.load_study(study_name=name, storage=self._studies)
        except KeyError:
            return None
        return study if is_ours(study.user_attrs) else None
