"""Reads the studies of jobs for many readers: each study at most once a second, whoever asks."""

import threading
import time
from collections.abc import Callable
from typing import Final

import optuna
from optuna.storages import BaseStorage, get_storage

from dashboards.picture import picture
from dashboards.result import SearchResult
from nas.storage.optuna_storage import exists, open_storage
from nas.storage.store import Store
from nas.study.results import result_of
from nas.study.study import images_of, is_ours
from search_spaces.counting import count_parts

_FRESH_S: Final = 1.0
_MOST: Final = 64


class StudyReader:
    """The studies of one database as search results; methods are thread-safe.

    Args:
        url: URL of the database.
        clock: Returns monotonic time in seconds.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._clock = url, clock
        self._lock = threading.Lock()
        self._storage: BaseStorage | None = None
        self._results: dict[str, tuple[float, SearchResult | None]] = {}

    def result(self, name: str) -> SearchResult | None:
        """Return a search so far, None if its study has not begun."""
        with self._lock:
            read_s, result = self._results.get(name, (float("-inf"), None))
            if self._clock() - read_s >= _FRESH_S:
                result = self._read(name)
                self._results[name] = (self._clock(), result)
                while len(self._results) > _MOST:
                    del self._results[next(iter(self._results))]
            return result

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
        if self._storage is None:
            if not exists(self._url):
                return None
            self._storage = get_storage(open_storage(self._url))
        try:
            study = optuna.load_study(study_name=name, storage=self._storage)
        except KeyError:
            return None
        return study if is_ours(study.user_attrs) else None
