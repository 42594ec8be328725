"""`RateLimit`: how often a caller may do something, as a token bucket for each caller."""

import threading
import time
from collections.abc import Callable
from typing import Final

from nas.service.refusals import TooManyError

_MOST_CALLERS: Final = 10_000


class RateLimit:
    """A limit for each caller; methods are thread-safe.

    Args:
        per_s: Requests a second in the long run, above 0.
        burst: Requests at once after a pause, at least 1.
        clock: Returns monotonic time in seconds.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}  # requests left and when that was, by caller

    def take(self, caller: str) -> None:
        """Take one request of a caller.

        Raises:
            TooManyError: if there is none left.
        """
        with self._lock:
            left = self._checked(caller)
            self._left[caller] = (left - 1.0, self._clock())

    def _checked(self, caller: str) -> float:
        left, at_s = self._left.pop(caller, (float(self._burst), self._clock()))
        left = min(float(self._burst), left + self._per_s * (self._clock() - at_s))
        self._left[caller] = (left, self._clock())  # last in the order: the first is the longest silent
        while len(self._left) > _MOST_CALLERS:
            del self._left[next(iter(self._left))]
        if left < 1.0:
            retry_s = (1.0 - left) / self._per_s
            raise TooManyError(
                f"Too many requests: expected at most {self._burst} at once and {self._per_s:g} a second. "
                f"Try again in {retry_s:.1f} s.",
                retry_s=retry_s,
            )
        return left
