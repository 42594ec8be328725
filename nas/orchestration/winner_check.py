"""Checks the winner: measured again, it still meets its latencies, or the next best is delivered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import optuna

from dashboards.result import SearchResult, TrialResult, best_first
from nas.ask_tell.observer import SearchObserver
from nas.latency.latest_results import latest_result
from nas.latency.measurement_cache import LatencyCache
from nas.storage.store import Store
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import TargetError
from trials.latency.latency import Latency

_TIMED: Final = 3  # networks whose latency the final table shows where no budget asks for it
_HOST: Final = "cpu"
_CONFIRMATIONS: Final = 3  # measurements until one is stable


class WinnerCheck:
    """Decides which network is delivered once the trainings are over.

    Args:
        cache: Measures latencies.
        store: Keeps them.
        observer: Receives the events of the search.
        budgets: The budgets of the search.
    """

    def __init__(
        self, cache: LatencyCache, store: Store, observer: SearchObserver, budgets: Sequence[Budget]
    ) -> None:
        self._cache = cache
        self._store = store
        self._observer = observer
        self._timed = tuple(budget for budget in budgets if not budget.counted)

    def latest(self, study: optuna.Study, *, interrupted: bool = False) -> SearchResult:
        """Return the result of a search with the latest latencies of its networks."""
        return latest_result(study, self._store, interrupted=interrupted)

    def confirmed(self, study: optuna.Study, *, interrupted: bool = False) -> SearchResult:
        """Return the result of a search whose winner meets its latencies when measured again.

        A network that misses one is not delivered; the next best that meets them takes its place.
        """
        if not self._timed:
            self._time_the_best(self.latest(study))
            return self.latest(study, interrupted=interrupted)
        missed: set[int] = set()
        while True:
            result = _without(self.latest(study, interrupted=interrupted), missed)
            try:
                if result.best is None or self._meets(result.best):
                    return _without(self.latest(study, interrupted=interrupted), missed)
            except TargetError as error:
                self._observer.say(f"The best was not measured again: {error}")
                return result
            self._observer.say(f"#{result.best.trial} misses its latency when measured again")
            missed.add(result.best.trial)

    def _meets(self, network: TrialResult) -> bool:
        """Return whether a network meets its budgets on latency when it is measured now."""
        return all(self._excess(network.architecture, budget) <= 0 for budget in self._timed)

    def _excess(self, architecture: Architecture, budget: Budget) -> float:
        latency = self._measured_again(architecture, str(budget.target))
        return latency.excess(budget.limit, self._cache.spread(latency))

    def _measured_again(self, architecture: Architecture, target: str) -> Latency:
        """Return the first stable measurement of a few, or the last of them."""
        latency = self._cache.time(architecture, target, again=True)
        for _ in range(_CONFIRMATIONS - 1):
            if latency.stable:
                break
            latency = self._cache.time(architecture, target, again=True)
        return latency

    def _time_the_best(self, result: SearchResult) -> None:
        try:
            for network in result.networks[:_TIMED]:
                if network.state == "complete":
                    self._cache.time(network.architecture, _HOST)
        except TargetError as error:  # nobody asked for these latencies
            self._observer.say(str(error))


def _without(result: SearchResult, missed: set[int]) -> SearchResult:
    """Return a search in which some networks do not fit."""
    networks = [replace(n, fits=n.fits and n.trial not in missed) for n in result.networks]
    return replace(result, networks=best_first(networks))
