"""Runs a planned search from its study to its result."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import optuna

from dashboards.result import SearchResult
from nas.ask_tell.candidates import CandidateSource
from nas.ask_tell.stopping import CutShortError, StoppingCriteria
from nas.coordination.driver_session import driver_session
from nas.files.checkpoint_retention import CheckpointRetention
from nas.files.locating import files_of
from nas.files.study_files import StudyFiles
from nas.files.trial_artifacts import TrialArtifacts
from nas.latency.constraint import LatencyCheck
from nas.latency.measurement_cache import LatencyCache
from nas.orchestration.console_progress import ConsoleProgress
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.transfer import store_transfer
from nas.orchestration.winner_check import WinnerCheck
from nas.ray_backend.node_admission import NodeAdmission
from nas.ray_backend.ray_cluster import Cluster, Node
from nas.ray_backend.runner import drive, leaving_on_signals
from nas.ray_backend.searcher import StudySearcher
from nas.ray_backend.tensorboard import TensorBoard
from nas.resources import Capacity, capacity_on
from nas.storage.optuna_storage import open_storage
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.naming import trial_folder
from nas.study.reproduce_command import keep_request
from nas.study.results import result_of
from nas.study.study import begin, keep_space
from search_spaces.architecture import Architecture
from search_spaces.errors import FilesError, StorageError, StudyError, TargetError
from trials.training.run_trial import TrialConfig

_LOGGED: Final = ("nas", "trials", "search_spaces", "ray")


def run_search(
    plan: SearchPlan, progress: ConsoleProgress, *, cluster: Cluster | None = None
) -> SearchResult:
    """Begin the search or go on with it, and return it when it has ended.

    Args:
        plan: What was asked for.
        progress: Who is told what happens.
        cluster: Where trainings run; None for this machine.

    Raises:
        UserError: if the study, the storage, a target or the cluster cannot be used.
    """
    storage = open_storage(plan.url)
    with ExitStack() as stack:
        store = stack.enter_context(Store(plan.url))
        stopwatch = LatencyCache(
            store, num_classes=len(plan.splits.classes), in_channels=plan.splits.channels
        )
        for target in plan.targets:
            stopwatch.setting(target)  # before anything is written: does it answer?
        study = begin(
            storage,
            plan.name,
            plan.settings,
            sampler=plan.sampler(),
            pruner=plan.pruner(),
            images=plan.images,
            folder=plan.folder,
        )
        keep_space(study, plan.space)
        store_transfer(study, plan.earlier)
        keep_request(study, plan.request)
        files = files_of(study)  # a study found again keeps its own
        if files.where != plan.folder:
            files.check()
        plan = replace(plan, folder=files.where)
        sharing = stack.enter_context(driver_session(plan.url, study, files.own))
        stack.enter_context(_logging_to(files.own))
        _check_folder(study, files)
        done = sum(map(trial_attributes.trained, study.get_trials(deepcopy=False)))
        proposals = CandidateSource(
            study, plan.prices, plan.budgets, LatencyCheck(stopwatch, progress.say), plan.seeds, sharing
        )
        progress.resume(result_of(study))
        progress.plan(plan, done, proposals.left_running)
        ending = WinnerCheck(stopwatch, store, progress)
        if done >= plan.trials and not proposals.left_running:
            return ending.settled(plan, study)
        return _train(plan, study, files, proposals, ending, progress, cluster)


def _check_folder(study: optuna.Study, files: StudyFiles) -> None:
    """Refuse to begin a study in a folder with the checkpoints of another one.

    Raises:
        StudyError: if a study without trials finds trainings in its folder.
    """
    if not study.get_trials(deepcopy=False) and files.sizes("trials"):
        raise StudyError(
            f"The folder '{files.where}' holds the trainings of another study: expected none, because "
            f"'{study.study_name}' has no trials. Move the folder away, or begin under another name "
            f"with --study."
        )


def _train(
    plan: SearchPlan,
    study: optuna.Study,
    files: StudyFiles,
    proposals: CandidateSource,
    ending: WinnerCheck,
    progress: ConsoleProgress,
    cluster: Cluster | None,
) -> SearchResult:
    limits = StoppingCriteria(
        trials=plan.trials,
        failures=max(3, plan.trials // 4),
        deadline=None if plan.hours is None else time.monotonic() + 3600 * plan.hours,
    )
    room = progress.room = Capacity(plan.slots.count)
    attachments = TrialArtifacts.of(study)
    checkpoints = CheckpointRetention(study, files, kept=plan.keep_checkpoints)
    bridge = StudySearcher(
        study,
        proposals,
        lambda n, a: _told(plan, files, n, a) | (cluster.told() if cluster else {}),
        room,
        limits,
        progress,
        attachments,
        metric=plan.settings.metric,
        after_end=checkpoints.sweep,
    )
    callbacks = [TensorBoard(files.own)] if plan.log_to == "tensorboard" else []
    with ExitStack() as stack:
        if cluster is not None:
            stack.enter_context(_roll_call(plan, files, cluster, room, bridge, progress))
        stack.enter_context(leaving_on_signals(limits, progress.say))
        stack.enter_context(progress)
        drive(bridge, plan.slots, folder=files.own, cluster=cluster, callbacks=callbacks)
    problem = bridge.problem
    if isinstance(problem, StorageError | FilesError | CutShortError):
        raise problem
    checkpoints.sweep(all_over=True)  # what a stopped training wrote while it was told
    if problem is not None:
        if result_of(study).best is None:
            raise problem
        progress.say(str(problem))
    interrupted = problem is None and (limits.draining or limits.stopping)
    if limits.stopping or isinstance(problem, TargetError):
        result = ending.known(study, interrupted=interrupted)
    else:
        result = ending.settled(plan, study, interrupted=interrupted)
    return replace(result, overhead=max(0.0, 1.0 - bridge.busy_s / room.offered_s))


def _roll_call(
    plan: SearchPlan,
    files: StudyFiles,
    cluster: Cluster,
    room: Capacity,
    bridge: StudySearcher,
    progress: ConsoleProgress,
) -> NodeAdmission:
    """Return what keeps trainings away from nodes that cannot do them, and gives them what nodes have."""

    def changed(able: list[Node]) -> None:
        count = capacity_on([node.machine for node in able], plan.trials, plan.slots)
        if able and count != room.count:  # else it is waited for nodes
            room.change(count)
            progress.say(f"The nodes of the cluster have room for {count} trainings now")

    roll_call = NodeAdmission(
        cluster,
        plan.slots,
        files.shared,
        plan.settings.data,
        told=progress.say,
        lost=lambda problem: bridge.cut_short(CutShortError(str(problem))),
        changed=changed,
    )
    bridge.refused = roll_call.refuse
    return roll_call


def _told(plan: SearchPlan, files: StudyFiles, number: int, architecture: Architecture) -> dict[str, Any]:
    """Return what a worker is told of one trial, as a new attempt at it."""
    config = TrialConfig(
        architecture=architecture,
        num_classes=len(plan.splits.classes),
        in_channels=plan.splits.channels,
        data=plan.settings.data,
        data_seed=plan.settings.seed,
        recipe=plan.recipe,
        seed=plan.settings.seed,
        trial=number,
        folder=files.place(trial_folder(number)),
        threads=plan.slots.threads,
        device=plan.slots.device,
        cache=str(plan.image_cache),
        fingerprint=plan.splits.fingerprint,
        attempt=files.begin_attempt(number),
    )
    return {**config.to_json(), "gpu_share": plan.slots.gpus if plan.slots.gpus < 1 else 0}


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
