"""Checks the winner: measured again, it still meets its latencies, or the next best is delivered."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import optuna

from dashboards.result import SearchResult, TrialResult
from nas.ask_tell.observer import SearchObserver
from nas.latency.measurement_cache import LatencyCache
from nas.storage.store import Store
from nas.study import verdicts
from nas.study.results import result_of
from nas.study.verdicts import Verdict
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
        now: Returns the time, UTC.
    """

    def __init__(
        self,
        cache: LatencyCache,
        store: Store,
        observer: SearchObserver,
        budgets: Sequence[Budget],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cache = cache
        self._store = store
        self._observer = observer
        self._now = now
        self._timed = tuple(budget for budget in budgets if not budget.counted)

    def latest(self, study: optuna.Study, *, interrupted: bool = False) -> SearchResult:
        """Return the result of a search with the latest latencies of its networks."""
        return result_of(study, self._store, interrupted=interrupted)

    def confirmed(self, study: optuna.Study, *, interrupted: bool = False) -> SearchResult:
        """Return the result of a search whose winner meets its latencies when measured again.

        A network that misses one is not delivered; the next best that meets them takes its place. The study
        keeps the verdict, so that later commands deliver the same network.
        """
        if not self._timed:
            self._time_the_best(self.latest(study))
            return self.latest(study, interrupted=interrupted)
        dismissed: set[int] = set()
        while True:
            result = self.latest(study, interrupted=interrupted)
            if result.best is None or result.best.trial in dismissed:  # measured well by another driver since
                return result
            try:
                verdict = self._verdict(result.best)
            except TargetError as error:
                self._observer.say(f"The best was not measured again: {error}")
                return result
            if verdict is None:
                return self.latest(study, interrupted=interrupted)
            self._observer.say(f"#{verdict.trial} {verdict.reason}")
            verdicts.store(study, verdict)
            dismissed.add(verdict.trial)

    def _verdict(self, network: TrialResult) -> Verdict | None:
        """Return by what a network, measured now, exceeds its budgets on latency; None if it fits."""
        again = partial(self._cache.of_budget, network.architecture, again=True)
        found = {str(budget): _until_stable(partial(again, budget)) for budget in self._timed}
        excess = {
            budget.text: found[str(budget)].excess(budget.limit, self._cache.spread(found[str(budget)]))
            for budget in self._timed
        }
        if all(share <= 0 for share in excess.values()):
            return None
        unstable = any(not found[str(b)].stable for b in self._timed if excess[b.text] > 0)
        return Verdict(
            trial=network.trial,
            excess=excess,
            reason="misses its latency when measured again"
            + (": the measurement is unstable" if unstable else ""),
            decided_at=self._now().isoformat(),
        )

    def _time_the_best(self, result: SearchResult) -> None:
        try:
            for network in result.networks[:_TIMED]:
                if network.state != "complete":
                    continue
                if not _until_stable(partial(self._cache.time, network.architecture, _HOST)).stable:
                    self._observer.say(
                        f"The latency of #{network.trial} on {_HOST} was unstable {_CONFIRMATIONS} times "
                        f"and is left out: `nas measure` on a quieter machine"
                    )
        except TargetError as error:  # nobody asked for these latencies
            self._observer.say(str(error))


def _until_stable(measured: Callable[[], Latency]) -> Latency:
    """Return the first stable measurement of a few, or the last of them."""
    latency = measured()
    for _ in range(_CONFIRMATIONS - 1):
        if latency.stable:
            break
        latency = measured()
    return latency
