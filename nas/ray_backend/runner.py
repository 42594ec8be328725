"""Runs Ray Tune for a search, and drains it on Ctrl-C, until enough networks are trained.

Tune runs in a thread that may be left behind: a search that has to leave, or whose cluster has gone, does
not wait for it. Nothing is lost by that, because the study holds all state.
"""

import concurrent.futures
import logging
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from ray import tune

from nas.ask_tell.stopping import CutShortError, SearchControl
from nas.ray_backend.cluster_monitor import ClusterMonitor
from nas.ray_backend.connection import ray_here
from nas.ray_backend.daemon_threads import in_background
from nas.ray_backend.ray_cluster import Cluster, placed_on
from nas.ray_backend.ray_process import own_signals
from nas.ray_backend.searcher import StudySearcher
from nas.ray_backend.tune_memory import TuneMemoryTrimmer
from nas.ray_backend.worker import train_on_worker
from nas.resources import Slots

_log = logging.getLogger(__name__)

_MOST: Final = 10_000  # trainings side by side, more than any cluster has room for
_LEAVING_S: Final = 10.0  # for which Tune may take to stop the trainings
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
    with running_ray(slots, cluster, control) as problems:
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
            control.lose_cluster(problems[0])
            return
        if leaves_s is None and control.over:
            leaves_s = time.monotonic() + _LEAVING_S
        if leaves_s is not None and time.monotonic() >= leaves_s:
            return
    if control.stopping and (error := fitting.exception()) is not None:  # its cluster may be stopped too
        _log.warning("Ray Tune failed while the search stopped.", exc_info=error)
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

    with own_signals() as ours:
        for number in ours:
            signal.signal(number, interrupt)
        yield


@contextmanager
def running_ray(
    slots: Slots, cluster: Cluster | None, control: SearchControl
) -> Iterator[list[CutShortError]]:
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
            stack.enter_context(ray_here(cpus))
        stack.enter_context(ClusterMonitor(gone))
        yield problems
