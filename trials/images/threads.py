"""Computes a function of many images in threads: Pillow decodes without holding the GIL."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Final, TypeVar

from trials.usable_cores import usable_cores

S = TypeVar("S")
R = TypeVar("R")

_CHUNK: Final = 1_024  # images that wait at once
_GROUP: Final = (
    16  # images that a thread takes at once: handing a small one over takes longer than decoding it
)


def mapped(function: Callable[[S], R], items: Iterable[S]) -> Iterator[R]:
    """Yield `function` of each item in order, computed by a thread for each core."""
    waiting = iter(items)

    def done(group: list[S]) -> list[R]:
        return [function(item) for item in group]

    with ThreadPoolExecutor(len(usable_cores())) as pool:
        while chunk := list(islice(waiting, _CHUNK)):
            groups = [chunk[start : start + _GROUP] for start in range(0, len(chunk), _GROUP)]
            yield from chain.from_iterable(pool.map(done, groups))
