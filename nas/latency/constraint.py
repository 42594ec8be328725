"""Decides before training whether a network meets a latency budget; waits for a target that goes away."""

import time
from collections.abc import Callable
from typing import Final

from nas.latency.measurement_cache import LatencyCache
from nas.study.trial_attributes import LatencyNotes
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import TargetError
from trials.latency.latency import UNSTABLE_EXCESS, Latency
from trials.latency_measurement import MissingFigureError

PATIENCE_S: Final = 600.0
"""Seconds for which a target that has gone away is waited for."""

_CERTAIN: Final = 2.0  # standard deviations: a predicted miss with 98 % confidence is not measured
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0
_TICK_S: Final = 0.5  # between looks at whether the search has ended
_REFUSALS: Final = 10  # networks in a row that a target which answers cannot run


class StoppedError(Exception):
    """A search that ended while a network was being chosen."""


class LatencyCheck:
    """Compares the latency of candidates with budgets, and waits for a target that goes away in between.

    Args:
        cache: Measures and predicts latencies.
        report_line: Shows a line to the user.
        patience_s: Seconds for which a target that has gone away is waited for.
        sleep: Waits so many seconds.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        cache: LatencyCache,
        report_line: Callable[[str], None],
        *,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache, self._report_line = cache, report_line
        self._patience_s, self._sleep, self._clock = patience_s, sleep, clock
        self._refusals = 0

    def excess(
        self,
        architecture: Architecture,
        budget: Budget,
        stopped: Callable[[], bool],
        notes: LatencyNotes | None = None,
    ) -> tuple[float, str | None]:
        """Return the share by which a network exceeds a latency budget, and the reason if it misses it.

        The network is measured unless earlier measurements predict with 98 % confidence that it misses.

        Args:
            architecture: The candidate.
            budget: A budget on the latency of a target.
            stopped: Whether the search has ended meanwhile.
            notes: Where predicted and measured latencies are written; None for nowhere.

        Raises:
            TargetError: if the target has gone away and stays away, or refuses network after network.
            StoppedError: if the search ends while the target is away.
        """
        predicted = self._cache.predict(architecture, str(budget.target), budget.figure)
        if predicted is not None:
            mean_ms, stddev_ms = predicted
            if notes is not None:
                notes.predicted(budget.measured, mean_ms, stddev_ms)
            if mean_ms - _CERTAIN * stddev_ms > budget.limit:
                reason = f"misses {budget}: predicted {mean_ms:.3g} ± {stddev_ms:.2g} ms"
                return mean_ms / budget.limit - 1, reason
        measured = self._measured(architecture, budget, stopped)
        if isinstance(measured, str):
            return UNSTABLE_EXCESS, measured
        if notes is not None:
            notes.measured(budget.measured, measured.median_ms)
        return _compared(measured, self._cache.spread(measured), budget)

    def _measured(
        self, architecture: Architecture, budget: Budget, stopped: Callable[[], bool]
    ) -> Latency | str:
        """Return the latency of a network, or the reason why the target cannot run it."""
        failed, target = False, str(budget.target)
        while True:
            try:
                latency = self._cache.of_budget(architecture, budget)
            except MissingFigureError:
                raise  # no network has it there
            except TargetError as error:
                if not self._cache.answers(target):
                    self._wait_for(target, error, stopped)
                elif failed:  # twice, and it answers: it is this network that it cannot run
                    return self._refused(error)
                failed = True
            else:
                self._refusals = 0
                return latency

    def _refused(self, error: TargetError) -> str:
        self._refusals += 1
        if self._refusals >= _REFUSALS:
            raise error
        return f"cannot be timed: {error}"

    def _wait_for(self, target: str, error: TargetError, stopped: Callable[[], bool]) -> None:
        """Return when a target answers again."""
        minutes = f"{self._patience_s / 60:.3g} min"
        self._report_line(f"Measuring pauses for up to {minutes}: {error}")
        now_s = self._clock()
        gives_up_s, asks_s, pause_s = now_s + self._patience_s, now_s, _FIRST_PAUSE_S
        while now_s < gives_up_s:
            if stopped():
                raise StoppedError
            if now_s >= asks_s:
                if self._cache.answers(target):
                    self._report_line(f"The target {target} answers again.")
                    return
                asks_s, pause_s = self._clock() + pause_s, min(2 * pause_s, _LONGEST_PAUSE_S)
            self._sleep(_TICK_S)
            now_s = self._clock()
        raise TargetError(
            f"The target '{target}' went away and did not come back within {minutes}. "
            f"Make it answer (nas targets), then give the same command again to go on. {error}"
        )


def _compared(latency: Latency, spread: float, budget: Budget) -> tuple[float, str | None]:
    """Return the share by which a latency exceeds a budget, and the reason if it misses it."""
    excess = latency.excess(budget.limit, spread)
    if excess <= 0:
        return excess, None
    state = "" if latency.stable else ", unstable"
    bound_ms = latency.bound_ms(spread)
    return (
        excess,
        f"misses {budget}: measured {latency.median_ms:.3g} ms, at most {bound_ms:.3g}{state}",
    )
