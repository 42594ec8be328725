"""Pins the calling thread to cores, and times repeated runs by the clock of the thread or of the wall.

Standard library only: it also runs on a board (`trials.latency.timing_agent`).
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from trials.latency.timing_protocol import Run, Times
from trials.usable_cores import usable_cores


def check_threads(threads: int) -> None:
    """Check that this machine has a core for each thread.

    Raises:
        ValueError: if there are fewer cores than threads.
    """
    if not 1 <= threads <= len(usable_cores()):
        raise ValueError(f"threads={threads}: expected 1 to {len(usable_cores())}, the cores there")


def timed(once: Callable[[], object], clock: str) -> Run:
    """Return a function that calls `once` a number of times and returns the milliseconds of each call.

    Args:
        once: Runs the network once.
        clock: ``thread`` for the clock of the thread, which stops while another process has the core, beside
            the wall clock; ``wall`` for the wall clock alone.
    """
    own, wall = time.thread_time_ns if clock == "thread" else time.perf_counter_ns, time.perf_counter_ns

    def run(count: int) -> Times:
        clock_ms, wall_ms = [], []
        for _ in range(count):
            wall_start, start = wall(), own()
            once()
            clock_ms.append((own() - start) / 1e6)
            wall_ms.append((wall() - wall_start) / 1e6)
        return Times(clock_ms, wall_ms if clock == "thread" else clock_ms)

    return run


@contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Pin the calling thread to some cores inside the ``with`` block, if the system supports it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
