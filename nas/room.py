"""How many trainings a search has room for, as nodes come and go."""

import time
from collections.abc import Callable


class Room:
    """The number of trainings that may run side by side now, and what that adds up to.

    Args:
        count: At first; at least 1.
        clock: Returns seconds that only rise.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count, self._clock = count, clock
        self._past_s = 0.0
        self._since_s = clock()

    @property
    def count(self) -> int:
        """How many may run now."""
        return self._count

    def change(self, count: int) -> None:
        """Let `count` run from now on."""
        self._past_s = self.offered_s
        self._count, self._since_s = count, self._clock()

    @property
    def offered_s(self) -> float:
        """Seconds of training that there has been room for so far."""
        return self._past_s + self._count * (self._clock() - self._since_s)
