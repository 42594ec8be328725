"""Runs of a benchmark in several processes at once, each kept in one JSON file as soon as it ends."""

import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final, TypeVar

import torch

T = TypeVar("T")

_LOOKED_AFTER_S: Final = 2.0


class KeptRuns:
    """What runs gave, by name, in a file; a run that is in the file is not run again.

    Args:
        state: The file.
        at_once: Runs at the same time, each in a process of its own with one torch thread.
    """

    def __init__(self, state: Path, at_once: int = 1) -> None:
        self.state, self.at_once = state, at_once
        self.found: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {}

    def run(self, runs: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
        """Return what each of the runs gave, after running those that are missing.

        Args:
            runs: Functions by name, first come first; another process must be able to import them.
        """
        for name, given in in_processes({n: r for n, r in runs.items() if n not in self.found}, self.at_once):
            self.found[name] = given
            kept(self.state, self.found)
            sys.stderr.write(f"{name} {json.dumps(given)}\n")
        return {name: self.found[name] for name in runs}


def kept(path: Path, state: Mapping[str, Any]) -> None:
    """Write the state of a benchmark as JSON, whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(state, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    new.replace(path)


def in_processes(runs: Mapping[str, Callable[[], T]], at_once: int) -> Iterator[tuple[str, T]]:
    """Yield name and result of each run as it ends, `at_once` of them at the same time.

    One that fails does not keep the others from ending: its error is raised after them.
    """
    if not runs:
        return
    failed: list[BaseException] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, context, begin_beside, (os.getpid(),)) as pool:
        running = {pool.submit(run): name for name, run in runs.items()}
        try:
            for done in as_completed(running):
                error = done.exception()
                if error is None:
                    yield running[done], done.result()
                else:
                    sys.stderr.write(f"{running[done]}: {error}\n")
                    failed.append(error)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if failed:
        raise failed[0]


def begin_beside(parent: int) -> None:
    """Begin a process with one torch thread; it ends soon after its parent: two would write one checkpoint.

    Args:
        parent: Process that began this one.
    """
    torch.set_num_threads(1)

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOKED_AFTER_S)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
