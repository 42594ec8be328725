"""Runs a planned search from its study to its result."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import optuna

from dashboards.result import SearchResult
from nas import record
from nas.bridge import Bridge, Limits
from nas.driver import drive, leaving_on_signals
from nas.latencies import Stopwatch, with_latencies
from nas.lock import only_driver
from nas.plan import Plan
from nas.progress import Progress
from nas.proposals import Proposals
from nas.storage.opening import open_storage
from nas.storage.store import Store
from nas.study import begin, folder_of, result_of
from search_spaces.architecture import Architecture
from trials.trainable import TrialConfig

_TIMED: Final = 3  # networks whose latency the final table shows where no budget asks for it
_HOST: Final = "cpu"
_LOGGED: Final = ("nas", "trials", "search_spaces")


def run_search(plan: Plan, progress: Progress, *, address: str | None) -> SearchResult:
    """Begin the search or go on with it, and return it when it has ended.

    Args:
        plan: What was asked for.
        progress: Who is told what happens.
        address: Of a running Ray cluster; None for this machine.

    Raises:
        UserError: if the study, the storage, a target or the cluster cannot be used.
    """
    storage = open_storage(plan.url)
    with ExitStack() as stack:
        store = stack.enter_context(Store(plan.url))
        stopwatch = Stopwatch(store, num_classes=len(plan.splits.classes), in_channels=plan.splits.channels)
        for target in plan.targets:
            stopwatch.setting(target)  # before anything is written: does it answer?
        study = begin(
            storage,
            plan.name,
            plan.settings,
            sampler=plan.sampler(),
            pruner=plan.pruner(),
            images=plan.images,
            folder=str(plan.folder),
        )
        plan = replace(plan, folder=Path(folder_of(study)))  # a study found again keeps its own
        stack.enter_context(only_driver(plan.folder, plan.name))
        stack.enter_context(_logging_to(plan.folder))
        done = sum(map(record.trained, study.get_trials(deepcopy=False)))
        proposals = Proposals(study, plan.prices, plan.budgets, stopwatch, plan.seeds)
        progress.plan(plan, done, proposals.left_running)
        if done >= plan.trials and not proposals.left_running:
            return with_latencies(result_of(study), store)
        return _train(plan, study, proposals, _Ending(stopwatch, store), progress, address)


class _Ending:
    """Settles what is delivered once the trainings are over."""

    def __init__(self, stopwatch: Stopwatch, store: Store) -> None:
        self._stopwatch = stopwatch
        self._store = store

    def settled(self, plan: Plan, result: SearchResult) -> SearchResult:
        """Return the result with latencies; a winner that misses one when measured again is replaced."""
        result = with_latencies(result, self._store)
        if not plan.targets:
            self._time_the_best(result)
            return with_latencies(result, self._store)
        confirmed: set[int] = set()
        while result.best is not None and result.best.trial not in confirmed:
            confirmed.add(result.best.trial)
            for target in plan.targets:
                network = Architecture.from_json(result.best.architecture)
                self._stopwatch.time(network, target, again=True)
            result = with_latencies(result, self._store)
        return result

    def _time_the_best(self, result: SearchResult) -> None:
        for network in result.networks[:_TIMED]:
            if network.state == "complete":
                self._stopwatch.time(Architecture.from_json(network.architecture), _HOST)


def _train(
    plan: Plan,
    study: optuna.Study,
    proposals: Proposals,
    ending: _Ending,
    progress: Progress,
    address: str | None,
) -> SearchResult:
    limits = Limits(
        trials=plan.trials,
        failures=max(3, plan.trials // 4),
        deadline=None if plan.hours is None else time.monotonic() + 3600 * plan.hours,
    )
    bridge = Bridge(study, proposals, lambda n, a: _told(plan, n, a), limits, progress)
    began = time.monotonic()
    with leaving_on_signals(limits, progress.say), progress:
        drive(bridge, plan.slots, folder=plan.folder, address=address)
    if bridge.problem is not None:
        if result_of(study).best is None:
            raise bridge.problem
        progress.say(str(bridge.problem))
    interrupted = bridge.problem is None and (limits.draining or limits.stopping)
    result = ending.settled(plan, result_of(study, interrupted=interrupted))
    overhead = 1.0 - bridge.busy_s / (plan.slots.count * (time.monotonic() - began))
    return replace(result, overhead=max(0.0, overhead))


def _told(plan: Plan, number: int, architecture: Architecture) -> dict[str, Any]:
    """Return what a worker is told of one trial."""
    config = TrialConfig(
        architecture=architecture.to_json(),
        num_classes=len(plan.splits.classes),
        in_channels=plan.splits.channels,
        data=plan.settings.data,
        data_seed=plan.settings.seed,
        recipe=plan.settings.recipe,
        seed=plan.settings.seed,
        trial=number,
        folder=str(plan.folder / "trials" / f"{number:05d}"),
        threads=plan.slots.threads,
        device=plan.slots.device,
        cache=str(plan.image_cache),
        fingerprint=plan.splits.fingerprint,
    )
    return {**asdict(config), "gpu_share": plan.slots.gpus if plan.slots.gpus < 1 else 0}


@contextmanager
def _logging_to(folder: Path) -> Iterator[None]:
    """Write what our modules log into the study's file while the block runs."""
    handler = logging.FileHandler(folder / "search.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in _LOGGED]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()
