"""Runs the searches that a comparison needs, one after the other or several at once."""

import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from ray.tune.search import Searcher

import nas
from nas.ask_tell.stopping import SearchControl
from nas.orchestration import search_run
from nas.orchestration.winner_check import WinnerCheck
from nas.ray_backend.searcher import StudySearcher
from nas.surrogates.torch_threads import torch_threads
from tests.benchmarks.kept_runs import begin_beside
from trials.training.epoch_result import EpochResult
from trials.training.run_trial import TrialConfig, run_trial

_TICK_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search.

    Attributes:
        key: Its name in the state: the group that it is for, and its seed.
        budget: Budget of its networks.
        space: Space; None for the one that a search takes by itself.
        images: Folder of the images.
        trials: Networks that it trains.
        folder: Folder of databases and checkpoints.
        sampler: What proposes.
        recipe: Recipe of its trainings.
        seed: Seed.
    """

    key: str
    budget: str
    space: str | None
    images: str
    trials: int
    folder: Path
    sampler: str
    recipe: str
    seed: int


def searched(search: Search) -> dict[str, Any]:
    """Return what a search delivers, and what it took; one that was interrupted goes on.

    Raises:
        SystemExit: if it is interrupted.
    """
    name = search.key.replace("/", "-")
    result = nas.search(
        search.budget,
        space=search.space,
        data=search.images,
        trials=search.trials,
        study=f"truth-{name}",
        storage=f"sqlite:///{search.folder / f'{name}.db'}",
        storage_path=str(search.folder / f"nas-runs-{search.seed}"),  # both groups of a seed share images
        sampler=search.sampler,
        recipe=search.recipe,
        seed=search.seed,
    )
    if result.best is None or result.interrupted:
        raise SystemExit(f"The search {result.study} did not end: run the same command again.")
    return {
        "network": json.loads(result.best.architecture.to_json()),
        "accuracy": result.best.accuracy,
        "seconds": round(sum(network.seconds for network in result.networks), 1),
        "trained": result.trained,
    }


@contextmanager
def begun(searches: Sequence[Search], at_once: int) -> Iterator[Sequence[Future[dict[str, Any]]]]:
    """Run searches beside what the block does, each in a process; gives their results to come.

    Each trains its networks in its process, one after the other, where a Ray of its own would take longer to
    start than they to train. Latencies, which no budget asks for, are not measured: the host is busy.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max(1, at_once), context, _in_a_process, (os.getpid(),)) as pool:
        try:
            yield [pool.submit(searched, search) for search in searches]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _in_a_process(parent: int) -> None:
    begin_beside(parent)
    train_here()


def train_here() -> None:
    """Let the searches of this process train in it, one network after the other, and measure no latency."""
    patch.object(search_run, "run_trainings", trainings_here).start()
    patch.object(WinnerCheck, "_time_the_best", lambda *_: None).start()


class _StoppedEarlyError(Exception):
    """The searcher wants no further epoch of a training."""


def trainings_here(searcher: StudySearcher, control: SearchControl, *_: object, **__: object) -> None:
    """Train in this process until the searcher has nothing left, as Ray Tune would with one worker."""
    del control
    number = 0
    while (config := searcher.suggest(f"training-{number}")) != Searcher.FINISHED:
        if not isinstance(config, dict):
            time.sleep(_TICK_S)
            continue
        _train(searcher, f"training-{number}", TrialConfig.from_json(config["trial"]))
        number += 1
    searcher.close()


def _train(searcher: StudySearcher, name: str, config: TrialConfig) -> None:
    last: dict[str, Any] = {}

    def report(result: EpochResult) -> None:
        nonlocal last
        last = result.to_json()
        if searcher(name, last):
            raise _StoppedEarlyError

    with torch_threads(1):
        try:
            run_trial(config, report)
        except _StoppedEarlyError:
            pass
        except Exception as error:
            last = {"error": f"{type(error).__name__}: {error}"[:500]}
    searcher.on_trial_complete(name, last)
