"""Measures the processor time of this process and of all that it starts, however deep."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PROCESSES: Final = Path("/proc")
_LOOKED_S: Final = 2.0
_PARENT, _USER, _SYSTEM, _START = 1, 11, 12, 19  # fields of /proc/PID/stat behind the name


class ProcessorTime:
    """Seconds of processor time of a process and its descendants, as far as they were looked at.

    Args:
        root: Identifier of the process.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._seen: dict[tuple[int, int], float] = {}  # by identifier and start: identifiers come again

    def look(self) -> float:
        """Return the seconds so far."""
        now = dict(_processes())
        ours = {self._root} | {pid for pid, (_, start, _) in now.items() if (pid, start) in self._seen}
        grown = True
        while grown:
            found = {pid for pid, (parent, _, _) in now.items() if parent in ours} - ours
            ours |= found
            grown = bool(found)
        for pid in ours & set(now):
            _, start, seconds = now[pid]
            self._seen[pid, start] = seconds
        return sum(self._seen.values())


def _processes() -> Iterator[tuple[int, tuple[int, int, float]]]:
    """Yield the identifier of each process with its parent, start and seconds of processor time."""
    tick = os.sysconf("SC_CLK_TCK")
    for folder in _PROCESSES.iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:  # it ended
                continue
            ticks = int(fields[_USER]) + int(fields[_SYSTEM])
            yield int(folder.name), (int(fields[_PARENT]), int(fields[_START]), ticks / tick)


@contextmanager
def measured(report: Callable[[float], None]) -> Iterator[None]:
    """Report every two seconds, and at the end, the processor time that the block took so far."""
    meter, ended = ProcessorTime(os.getpid()), threading.Event()
    before = meter.look()

    def watch() -> None:
        while not ended.wait(_LOOKED_S):
            report(meter.look() - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        report(meter.look() - before)
