"""Computes a function of many images in threads: Pillow decodes without holding the GIL."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from trials.usable_cores import usable_cores

S = TypeVar("S")
R = TypeVar("R")

_CHUNK: Final = 1_024  # images that wait at once
_CHUNK_BYTES: Final = 512 * 2**20  # of encoded images that wait at once
_GROUP: Final = (
    16  # images that a thread takes at once: handing a small one over takes longer than decoding it
)
_GROUP_BYTES: Final = 2**20  # of encoded images in a group: a large one is handed over alone


def mapped(function: Callable[[S], R], items: Iterable[S]) -> Iterator[R]:
    """Yield `function` of each item in order, computed by a thread for each core.

    Items are taken ahead of those that are yielded, but only so many that they fit into memory.
    """
    waiting: deque[tuple[Future[list[R]], int, int]] = deque()
    count = size = 0

    def done(group: list[S]) -> list[R]:
        return [function(item) for item in group]

    with ThreadPoolExecutor(len(usable_cores())) as pool:
        try:
            for group, group_size in _grouped(items):
                while waiting and (count + len(group) > _CHUNK or size + group_size > _CHUNK_BYTES):
                    future, first_count, first_size = waiting.popleft()
                    yield from future.result()
                    count, size = count - first_count, size - first_size
                waiting.append((pool.submit(done, group), len(group), group_size))
                count, size = count + len(group), size + group_size
            while waiting:
                yield from waiting.popleft()[0].result()
        finally:
            for future, _, _ in waiting:  # nobody asks for them
                future.cancel()


def _grouped(items: Iterable[S]) -> Iterator[tuple[list[S], int]]:
    """Yield some items for one thread, and the bytes that they take until they are decoded."""
    group: list[S] = []
    size = 0
    for item in items:
        group.append(item)
        size += len(item) if isinstance(item, bytes) else 0
        if len(group) == _GROUP or size >= _GROUP_BYTES:
            yield group, size
            group, size = [], 0
    if group:
        yield group, size
