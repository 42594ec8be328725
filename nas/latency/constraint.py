"""Whether a network meets a latency, found out before anything is trained."""

import time
from collections.abc import Callable
from typing import Final

from nas.latency.measurement_cache import UNKNOWN_EXCESS, Found, LatencyCache
from nas.study.trial_attributes import LatencyNotes
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import TargetError

PATIENCE_S: Final = 600.0
"""How long a target that has gone away is waited for."""

_SURE: Final = 2.0  # standard deviations: what is foretold to miss with 98 % confidence is not measured
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0
_TICK_S: Final = 0.5  # between looks at whether the search has ended
_REFUSALS: Final = 10  # networks in a row that a target which answers cannot run


class StoppedError(Exception):
    """A search that ended while a network was being chosen."""


class LatencyCheck:
    """Measures candidates, and waits for a target that goes away in between.

    Args:
        stopwatch: Times networks.
        say: Tells the user a line.
        patience_s: How long a target that has gone away is waited for.
        sleep: Waits so many seconds.
        clock: Returns seconds that only rise.
    """

    def __init__(
        self,
        stopwatch: LatencyCache,
        say: Callable[[str], None],
        *,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stopwatch, self._say = stopwatch, say
        self._patience_s, self._sleep, self._clock = patience_s, sleep, clock
        self._refusals = 0

    def excess(
        self,
        architecture: Architecture,
        budget: Budget,
        stopped: Callable[[], bool],
        notes: LatencyNotes | None = None,
    ) -> tuple[float, str | None]:
        """Return by what share a network exceeds a latency, and in words how it misses it, if it does.

        It is measured, unless what was measured before says with 98 % confidence that it misses.

        Args:
            architecture: Of the candidate.
            budget: On the latency of a target.
            stopped: Whether the search has ended meanwhile.
            notes: Where what is predicted and measured is written; None for nowhere.

        Raises:
            TargetError: if the target has gone away and stays away, or refuses network after network.
            StoppedError: if the search ends while the target is away.
        """
        target = str(budget.target)
        foreseen = self._stopwatch.foresee(architecture, target)
        if notes is not None and foreseen is not None:
            notes.predicted(target, *foreseen)
        if foreseen is not None and foreseen[0] - _SURE * foreseen[1] > budget.limit:
            mean_ms, stddev_ms = foreseen
            words = f"misses {budget}: predicted {mean_ms:.3g} ± {stddev_ms:.2g} ms"
            return mean_ms / budget.limit - 1, words
        found = self._timed(architecture, target, stopped)
        if isinstance(found, str):
            return UNKNOWN_EXCESS, found
        if notes is not None:
            notes.measured(target, found.latency.median_ms)
        return _judged(found, budget)

    def _timed(self, architecture: Architecture, target: str, stopped: Callable[[], bool]) -> Found | str:
        """Return how long a network takes, or in words why the target cannot run it."""
        failed = False
        while True:
            try:
                found = self._stopwatch.time(architecture, target)
            except TargetError as error:
                if not self._stopwatch.answers(target):
                    self._wait_for(target, error, stopped)
                elif failed:  # twice, and it answers: it is this network that it cannot run
                    return self._refused(error)
                failed = True
            else:
                self._refusals = 0
                return found

    def _refused(self, error: TargetError) -> str:
        self._refusals += 1
        if self._refusals >= _REFUSALS:
            raise error
        return f"cannot be timed: {error}"

    def _wait_for(self, target: str, error: TargetError, stopped: Callable[[], bool]) -> None:
        """Return when a target answers again."""
        self._say(f"Measuring pauses for up to {self._patience_s / 60:.3g} min: {error}")
        now_s = self._clock()
        gives_up_s, asks_s, pause_s = now_s + self._patience_s, now_s, _FIRST_PAUSE_S
        while now_s < gives_up_s:
            if stopped():
                raise StoppedError
            if now_s >= asks_s:
                if self._stopwatch.answers(target):
                    self._say(f"The target {target} answers again.")
                    return
                asks_s, pause_s = self._clock() + pause_s, min(2 * pause_s, _LONGEST_PAUSE_S)
            self._sleep(_TICK_S)
            now_s = self._clock()
        raise TargetError(
            f"The target '{target}' went away and did not come back within {self._patience_s / 60:.3g} min. "
            f"Make it answer (nas targets), then give the same command again to go on. {error}"
        )


def _judged(found: Found, budget: Budget) -> tuple[float, str | None]:
    excess = found.excess(budget.limit)
    if excess <= 0:
        return excess, None
    state = "" if found.latency.stable else ", unstable"
    bound = found.latency.high_ms * (1 + found.spread)
    return (
        excess,
        f"misses {budget}: measured {found.latency.median_ms:.3g} ms, at most {bound:.3g}{state}",
    )
