"""Runs one function on a worker of Ray and hands on what it reports, before the trainings of a search."""

import collections
import importlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import ray
from ray.exceptions import RayActorError, RayTaskError

from nas.ask_tell.stopping import CutShortError, SearchControl
from nas.ray_backend.node_info import look_in
from nas.ray_backend.ray_cluster import NODE_ID, Cluster, own_folders
from nas.ray_backend.runner import running_ray
from nas.resources import Slots
from search_spaces.errors import UserError

_log = logging.getLogger(__name__)
_TICK_S: Final = 0.2
_ATTEMPTS: Final = 3

Function = Callable[[Mapping[str, Any], Callable[[Mapping[str, Any]], None]], dict[str, Any]]


def run_on_worker(
    function: Function,
    config: Callable[[], Mapping[str, Any]],
    slots: Slots,
    control: SearchControl,
    report: Callable[[Mapping[str, Any]], None],
    *,
    cluster: Cluster | None = None,
) -> dict[str, Any] | None:
    """Return what a function returns on a worker; None if the search is to end before.

    A worker whose process dies is replaced: the function goes on where it stopped.

    Args:
        function: Function of an importable module: of a config, and of a function that reports.
        config: Returns the config of the next attempt.
        slots: Resources of one worker, `slots.count` times `slots.cpus` cores where it has a machine alone.
        control: Whether the search goes on.
        report: Receives what the function reports.
        cluster: The cluster that this process has joined; None to start one on this machine.

    Raises:
        UserError: if the function raises one, fails, or its process dies several times.
    """
    with running_ray(slots, cluster, control) as problems:
        for _ in range(_ATTEMPTS):
            try:
                return _attempt(function, config(), slots, control, report, cluster, problems)
            except RayActorError as error:
                if problems:
                    return None
                _log.warning("The process of a worker died: %s", error)
                report({"line": "The process of the worker died; another goes on where it stopped"})
    raise CutShortError(
        f"The processes of {_ATTEMPTS} workers died: expected one that ends. Is memory short? Nothing that "
        f"was finished is lost: give the same command again to go on."
    )


def _attempt(
    function: Function,
    config: Mapping[str, Any],
    slots: Slots,
    control: SearchControl,
    report: Callable[[Mapping[str, Any]], None],
    cluster: Cluster | None,
    problems: list[CutShortError],
) -> dict[str, Any] | None:
    worker = _placed(slots, cluster).remote(own_folders())
    done = worker.run.remote(f"{function.__module__}:{function.__qualname__}", dict(config))
    while True:
        ended = bool(ray.wait([done], timeout=_TICK_S)[0])
        if problems:
            control.lose_cluster(problems[0])
            return None
        if control.over or control.draining:
            ray.kill(worker)
            return None
        news = worker.news.remote()
        if ended or ray.wait([news], timeout=_TICK_S)[0]:
            for one in ray.get(news):
                report(one)
        if ended:
            return _result(done)


def _result(done: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = ray.get(done)
    except RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from None
        _log.exception("The work of a worker failed.")
        reason = " ".join(f"{type(error.cause).__name__}: {error.cause}".split())[:500]
        raise CutShortError(
            f"The work before the trainings failed: {reason}. Nothing that was finished is lost: the same "
            f"command goes on. The log of the study has the details."
        ) from None
    return found


def _placed(slots: Slots, cluster: Cluster | None) -> Any:
    """Return the class of workers with the resources of one: all cores of this machine, or one slot."""
    cpus = slots.cpus * (slots.count if cluster is None and not slots.gpus else 1)
    options: dict[str, Any] = {"num_cpus": cpus, "num_gpus": min(slots.gpus, 1) and max(slots.gpus, 1)}
    avoided = [] if cluster is None else cluster.requirements()["avoid"]
    if avoided:
        options["label_selector"] = {NODE_ID: f"!in({','.join(avoided)})"}
    return ray.remote(_Worker).options(max_concurrency=2, max_restarts=0, **options)


class _Worker:
    """Runs a function in one thread and gives what it reports from another."""

    def __init__(self, folders: list[str]) -> None:
        look_in(folders)
        self._news: collections.deque[Mapping[str, Any]] = collections.deque()

    def run(self, place: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the function at ``module:NAME`` returns."""
        module, _, name = place.partition(":")
        function: Function = getattr(importlib.import_module(module), name)
        return function(config, self._news.append)

    def news(self) -> list[Mapping[str, Any]]:
        """Return what was reported since the last call."""
        return [self._news.popleft() for _ in range(len(self._news))]
