"""How long others have been silent, by the beats that they count up in a database.

No clocks of different machines are compared, and time in which the database could not be reached does not
count: whoever looks adds up seconds between looks, and no more than `MOST_S` between two of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

MOST_S: Final = 10.0
"""Seconds between two looks that count: who looks less often was suspended or could not look."""


@dataclass(frozen=True, slots=True)
class _Seen:
    beats: int
    silent_s: float = 0.0


class ObservedBeats:
    """Beats of others as one process observes them; any thread may ask while another observes.

    Args:
        clock: Returns monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._looked_s = clock()
        self._seen: Mapping[str, _Seen] = {}

    def observe(self, beats: Mapping[str, int]) -> None:
        """Take note of the beats of all others by their names; those that are missing are forgotten."""
        now = self._clock()
        passed_s = min(now - self._looked_s, MOST_S)
        seen = {name: self._next(name, count, passed_s) for name, count in beats.items()}
        self._looked_s, self._seen = now, seen

    def silent_s(self, name: str, beats: int) -> float:
        """Return for how many seconds one has stayed at this number of beats, 0 if that was not observed."""
        seen = self._seen.get(name)
        return seen.silent_s if seen is not None and seen.beats == beats else 0.0

    def _next(self, name: str, beats: int, passed_s: float) -> _Seen:
        seen = self._seen.get(name)
        if seen is None or seen.beats != beats:
            return _Seen(beats)
        return _Seen(beats, seen.silent_s + passed_s)
