"""`Turns`: how many of something go on at once, for all callers and for each of them."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nas.service.refusals import TooManyError


class Turns:
    """A limit for all callers and for each; methods are thread-safe.

    Args:
        what: What is limited, in the plural.
        at_once: How many go on at once.
        each: Most places of one caller, waiting ones included.
        waiting: Most that wait for a turn, each of which holds a thread.
        wait_s: Seconds for which one waits.
    """

    def __init__(self, what: str, at_once: int, *, each: int, waiting: int = 0, wait_s: float = 0.0) -> None:
        self._what: Final = what
        self._each: Final = each
        self._most: Final = at_once + waiting
        self._wait_s: Final = wait_s
        self._lock: Final = threading.Lock()
        self._free: Final = threading.BoundedSemaphore(at_once)
        self._places: Counter[str] = Counter()

    @contextmanager
    def turn(self, caller: str) -> Iterator[None]:
        """Hold a turn for the block.

        Raises:
            TooManyError: if the caller, or all together, have too many, or no turn comes.
        """
        self._take_place(caller)
        try:
            if not self._free.acquire(timeout=self._wait_s):
                raise self._others()
            try:
                yield
            finally:
                self._free.release()
        finally:
            with self._lock:
                self._places -= Counter([caller])  # names without a place are dropped

    def _take_place(self, caller: str) -> None:
        with self._lock:
            if self._places[caller] >= self._each:
                raise TooManyError(
                    f"You have {self._each} {self._what} at once: expected no more. Wait for one to end.",
                    retry_s=5.0,
                )
            if self._places.total() >= self._most:
                raise self._others()
            self._places[caller] += 1

    def _others(self) -> TooManyError:
        return TooManyError(
            f"There are too many {self._what} of others: expected a turn. Try again.", retry_s=30.0
        )
