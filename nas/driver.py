"""Runs a search: Ray Tune trains what the study proposes, until enough networks are trained."""

import logging
import os
import shutil
import signal
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from search_spaces.errors import UserError

# Read by Ray when it is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault(
    "TUNE_DISABLE_STRICT_METRIC_CHECKING", "1"
)  # a failed training reports its reason alone
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")

import ray
from ray import tune

from nas.bridge import Bridge, Limits
from nas.slots import Slots
from nas.worker import train_on_worker

_RETRIES: Final = 2  # of a training whose process dies


def drive(
    bridge: Bridge,
    slots: Slots,
    *,
    folder: Path,
    address: str | None,
    callbacks: Sequence[tune.Callback] = (),
) -> None:
    """Train until the bridge has nothing left.

    Args:
        bridge: Says what to train next and is told everything.
        slots: How many trainings run side by side.
        folder: Of the study; Ray's own files lie in it while it runs.
        address: Of a Ray cluster that is running; None for one of our own.
        callbacks: Of Ray Tune, who are told everything too.

    Raises:
        UserError: if the cluster cannot be reached.
    """
    scratch = folder / "ray"
    with _ray(slots, address):
        try:
            tune.Tuner(
                tune.with_resources(train_on_worker, {"cpu": 1, "gpu": slots.gpus}),
                tune_config=tune.TuneConfig(
                    search_alg=bridge,
                    num_samples=-1,
                    max_concurrent_trials=slots.count,
                    reuse_actors=True,
                    trial_dirname_creator=lambda trial: str(trial.trial_id),
                ),
                run_config=tune.RunConfig(
                    name=f"run-{uuid.uuid4().hex[:12]}",
                    storage_path=str(scratch.resolve()),
                    stop=bridge,
                    callbacks=list(callbacks),
                    failure_config=tune.FailureConfig(max_failures=_RETRIES),
                    verbose=0,
                ),
            ).fit()
        finally:
            bridge.close()
    shutil.rmtree(scratch, ignore_errors=True)  # nothing of a search lies there


@contextmanager
def leaving_on_signals(limits: Limits, told: Callable[[str], None]) -> Iterator[None]:
    """Let Ctrl-C end the search while the block runs, once in good order and twice at once.

    Args:
        limits: What is changed: first no further training starts, then running ones stop.
        told: Called with what happens next, in words.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if limits.draining or number == signal.SIGTERM:
            limits.stopping = True
            told("Stopping now. The same command goes on from here.")
        else:
            limits.draining = True
            told("No further training starts; Ctrl-C again stops the running ones too.")

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ray(slots: Slots, address: str | None) -> Iterator[None]:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # "local", or a cluster that RAY_ADDRESS or an earlier `ray start` names would be joined.
        options |= {"address": "local", "num_cpus": slots.count, "include_dashboard": False}
    else:
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # what a cluster asks for by default
        options["address"] = address
    try:
        ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        where = f"the Ray cluster at '{address}'" if address else "Ray on this machine"
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"Cannot use {where}: {reason} Expected one that runs and can be reached; leave --address out to "
            f"use this machine alone."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
