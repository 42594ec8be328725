"""Runs Ray Tune for a search, and drains it on Ctrl-C, until enough networks are trained.

Tune runs in a thread that may be left behind: a search that has to leave, or whose cluster has gone, does
not wait for it. Nothing is lost by that, because the study holds all state.
"""

import atexit
import concurrent.futures
import logging
import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import ray
from ray import tune

from nas.ask_tell.stopping import CutShortError, SearchControl
from nas.ray_backend.cluster_monitor import ClusterMonitor
from nas.ray_backend.daemon_threads import in_background
from nas.ray_backend.ray_cluster import Cluster, placed_on
from nas.ray_backend.ray_internals import hidden_command_line, silence_worker_logs
from nas.ray_backend.searcher import StudySearcher
from nas.ray_backend.tune_memory import TuneMemoryTrimmer
from nas.ray_backend.worker import train_on_worker
from nas.resources import Slots
from search_spaces.errors import UserError

_MOST: Final = 10_000  # trainings side by side, more than any cluster has room for
_LEAVING_S: Final = 10.0  # for which Tune may take to stop the trainings
_SHUTDOWN_S: Final = 5.0
_TICK_S: Final = 0.1


def run_trainings(
    searcher: StudySearcher,
    control: SearchControl,
    slots: Slots,
    *,
    folder: Path,
    cluster: Cluster | None = None,
    callbacks: Sequence[tune.Callback] = (),
) -> None:
    """Train until the searcher has nothing left.

    Args:
        searcher: Decides what is trained next and receives every result.
        control: Whether the search goes on.
        slots: Resources of each training.
        folder: Folder of the study; Ray's own files lie in it while it runs.
        cluster: The cluster that this process has joined; None to start one on this machine.
        callbacks: Further callbacks of Ray Tune.

    Raises:
        UserError: if Ray cannot be started here.
    """
    scratch = folder / "ray" / uuid.uuid4().hex[:12]  # drivers of one study share its folder
    with _ray(slots, cluster, control) as problems:
        tuner = tune.Tuner(
            tune.with_resources(train_on_worker, lambda config: placed_on(slots, config.get("avoid", ()))),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                num_samples=-1,
                max_concurrent_trials=_MOST,  # the searcher knows how many there is capacity for
                # Kept workers would keep their place on a cluster until the search ends; others use it too.
                reuse_actors=cluster is None,
                trial_dirname_creator=lambda trial: str(trial.trial_id),
            ),
            run_config=tune.RunConfig(
                name="run",
                storage_path=str(scratch.resolve()),
                stop=searcher,
                callbacks=[*callbacks, TuneMemoryTrimmer()],
                failure_config=tune.FailureConfig(max_failures=0),  # the searcher retries them
                verbose=0,
            ),
        )
        try:
            _wait_for(in_background(tuner.fit, "tune"), control, problems)
        finally:
            searcher.close()
    shutil.rmtree(scratch, ignore_errors=True)  # nothing of a search lies there


def _wait_for(
    fitting: concurrent.futures.Future[Any], control: SearchControl, problems: list[CutShortError]
) -> None:
    """Return when Tune has ended, its cluster has gone, or a search that has to leave has waited enough."""
    leaves_s: float | None = None
    while not concurrent.futures.wait([fitting], timeout=_TICK_S).done:
        if problems:
            control.stop(problems[0])
            return
        if leaves_s is None and control.over:
            leaves_s = time.monotonic() + _LEAVING_S
        if leaves_s is not None and time.monotonic() >= leaves_s:
            return
    fitting.result()


@contextmanager
def leaving_on_signals(control: SearchControl, report_line: Callable[[str], None]) -> Iterator[None]:
    """Let Ctrl-C end the search while the block runs: the first drains it, the second stops it.

    Args:
        control: Changed on a signal: first no further training starts, then running ones stop.
        report_line: Shows a line to the user.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if control.draining or number == signal.SIGTERM:
            control.stopping = True
            report_line("Stopping now. The same command goes on from here.")
        else:
            control.draining = True
            report_line("No further training starts; Ctrl-C again stops the running ones too.")

    with _own_signals() as ours:
        for number in ours:
            signal.signal(number, interrupt)
        yield


@contextmanager
def cluster_at(address: str) -> Iterator[Cluster]:
    """Be part of a Ray cluster that is running while the block runs.

    Raises:
        UserError: if it cannot be reached.
    """
    with _joined(address):
        yield Cluster(address)


@contextmanager
def _ray(slots: Slots, cluster: Cluster | None, control: SearchControl) -> Iterator[list[CutShortError]]:
    """Monitor a cluster, or one that is started here, and give the block a list of what happens to it."""
    problems: list[CutShortError] = []
    name = "Ray on this machine" if cluster is None else cluster.name

    def gone(reason: str) -> None:
        control.cluster_gone = True
        problems.append(
            CutShortError(
                f"{name[0].upper()}{name[1:]} has gone ({reason}). Nothing that was finished is lost: give "
                f"the same command again to go on."
            )
        )

    with ExitStack() as stack:
        if cluster is None:
            cpus = slots.count * slots.cpus
            stack.enter_context(_joined(None, num_cpus=cpus, include_dashboard=False))
        stack.enter_context(ClusterMonitor(gone))
        yield problems


@contextmanager
def _joined(address: str | None, **options: Any) -> Iterator[None]:
    """Be connected to a Ray cluster while the block runs.

    Args:
        address: Where it is; None for one of our own on this machine.
        options: More ones of `ray.init`.

    Raises:
        UserError: if it cannot be reached.
    """
    if address is not None:
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # what a cluster asks for by default
    # "local", or a cluster that RAY_ADDRESS or an earlier `ray start` names would be joined.
    options |= {"address": address or "local", "log_to_driver": False, "logging_level": logging.ERROR}
    try:
        with _own_signals(), hidden_command_line():  # Ray would leave at once on a signal
            ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        where = f"the Ray cluster at '{address}'" if address else "Ray on this machine"
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = " ".join(lines) if lines[0].endswith(":") else lines[0]  # the next lines say it
        raise UserError(
            f"Cannot use {where}: {reason} Expected one that runs and can be reached; leave --address out to "
            f"use this machine alone."
        ) from error
    _quieten()
    try:
        yield
    finally:
        leaving = in_background(ray.shutdown, "leave")
        if not concurrent.futures.wait([leaving], timeout=_SHUTDOWN_S).done:
            atexit.unregister(ray.shutdown)  # it would wait for a cluster that has gone


def _quieten() -> None:
    """Leave standard output and error to the search: Ray's messages are in the study's log."""
    silence_worker_logs()
    logger = logging.getLogger("ray")
    for handler in list(logger.handlers):
        if not isinstance(handler, logging.FileHandler):
            logger.removeHandler(handler)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


@contextmanager
def _own_signals() -> Iterator[tuple[signal.Signals, ...]]:
    """Restore the signal handlers after the block, which receives the signals that it may handle."""
    if threading.current_thread() is not threading.main_thread():
        yield ()  # the program around us handles signals
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield tuple(before)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
