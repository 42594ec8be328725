"""Checks the winner: measured again, it still meets its latencies, or the next best is delivered."""

from dataclasses import replace
from typing import Final

import optuna

from dashboards.result import SearchResult, TrialResult, best_first
from nas.latency.measurement_cache import Found, LatencyCache, latest_result
from nas.orchestration.console_progress import ConsoleProgress
from nas.orchestration.search_plan import SearchPlan
from nas.storage.store import Store
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import TargetError

_TIMED: Final = 3  # networks whose latency the final table shows where no budget asks for it


_HOST: Final = "cpu"


_CONFIRMATIONS: Final = 3  # measurements until one is stable


class WinnerCheck:
    """Settles what is delivered once the trainings are over."""

    def __init__(self, stopwatch: LatencyCache, store: Store, progress: ConsoleProgress) -> None:
        self._stopwatch = stopwatch
        self._store = store
        self._progress = progress

    def known(self, study: optuna.Study, *, interrupted: bool = False) -> SearchResult:
        """Return the search with the latencies that are known of its networks."""
        return latest_result(study, self._store, interrupted=interrupted)

    def settled(self, plan: SearchPlan, study: optuna.Study, *, interrupted: bool = False) -> SearchResult:
        """Return the search with a winner that meets its latencies when measured again.

        A network that misses one is not delivered; the next best that holds takes its place.
        """
        if not plan.targets:
            self._time_the_best(self.known(study))
            return self.known(study, interrupted=interrupted)
        missed: set[int] = set()
        while True:
            result = _without(self.known(study, interrupted=interrupted), missed)
            try:
                if result.best is None or self._holds(result.best, plan.budgets):
                    return _without(self.known(study, interrupted=interrupted), missed)
            except TargetError as error:
                self._progress.say(f"The best was not measured again: {error}")
                return result
            self._progress.say(f"#{result.best.trial} misses its latency when measured again")
            missed.add(result.best.trial)

    def _holds(self, network: TrialResult, budgets: tuple[Budget, ...]) -> bool:
        """Return whether a network meets its budgets on latency when it is measured now."""
        limits = [(str(b.target), b.limit) for b in budgets if not b.counted]
        return all(self._measured_again(network.architecture, on).excess(limit) <= 0 for on, limit in limits)

    def _measured_again(self, architecture: Architecture, target: str) -> Found:
        """Return the first stable figure of a few, or the last of them."""
        found = self._stopwatch.time(architecture, target, again=True)
        for _ in range(_CONFIRMATIONS - 1):
            if found.latency.stable:
                break
            found = self._stopwatch.time(architecture, target, again=True)
        return found

    def _time_the_best(self, result: SearchResult) -> None:
        try:
            for network in result.networks[:_TIMED]:
                if network.state == "complete":
                    self._stopwatch.time(network.architecture, _HOST)
        except TargetError as error:  # nobody asked for these figures
            self._progress.say(str(error))


def _without(result: SearchResult, missed: set[int]) -> SearchResult:
    """Return a search in which some networks do not fit."""
    networks = [replace(n, fits=n.fits and n.trial not in missed) for n in result.networks]
    return replace(result, networks=best_first(networks))
