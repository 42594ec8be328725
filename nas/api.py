"""What every command does, as Python calls with the same words."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from optuna.storages import RDBStorage

from dashboards.result import SearchResult
from nas import record
from nas.bridge import Bridge, Limits
from nas.driver import drive, leaving_on_signals
from nas.exporting import export_network
from nas.lock import only_driver
from nas.plan import Plan, plan_search
from nas.progress import Progress
from nas.proposals import Proposals
from nas.storage.opening import open_storage, storage_url
from nas.study import (
    begin,
    delivered,
    find,
    folder_of,
    images_of,
    provenance_of,
    result_of,
    split_network,
)
from search_spaces.architecture import Architecture
from search_spaces.errors import ExportError
from trials.trainable import WEIGHTS, TrialConfig

DEFAULT_TRIALS: Final = 12


def search(
    budget: str | Sequence[str],
    *,
    space: str | None = None,
    data: str = "digits",
    trials: int = DEFAULT_TRIALS,
    hours: float | None = None,
    study: str | None = None,
    storage: str | None = None,
    sampler: str = "factor_gp",
    recipe: str = "proxy",
    seed: int = 0,
    gpus_per_trial: float | None = None,
    address: str | None = None,
    storage_path: str = "nas-runs",
    quiet: bool = False,
) -> SearchResult:
    """Search for the most accurate network that fits, or go on with the same search.

    Args:
        budget: One or several, for example ``"300M-MACs"``; a network has to meet them all.
        space: A catalog name; by default the one for the size of the images.
        data: An embedded data set or a path to images.
        trials: Trained networks after which the search ends, counted over all its starts.
        hours: Hours after which it ends all the same.
        study: Its name; by default made of what defines the search.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        sampler: Who proposes, a file in nas/samplers.
        recipe: How networks are trained, a file in trials/recipes.
        seed: Of every generator.
        gpus_per_trial: Share of a GPU that each training gets.
        address: Of a running Ray cluster.
        storage_path: Folder for checkpoints, weights and logs.
        quiet: Whether nothing is shown while it runs.

    Returns:
        The search so far, best network first.

    Raises:
        UserError: if something given cannot be used; the message says what to do.
    """
    torch.set_num_threads(1)  # proposals run beside the trainings and must not crowd them out
    plan = plan_search(
        budget=[budget] if isinstance(budget, str) else budget,
        space=space,
        data=data,
        trials=trials,
        hours=hours,
        study=study,
        storage=storage,
        sampler=sampler,
        recipe=recipe,
        seed=seed,
        gpus_per_trial=gpus_per_trial,
        storage_path=storage_path,
    )
    return _run(plan, Progress(quiet=quiet), address)


def show(study: str | None = None, *, storage: str | None = None) -> SearchResult:
    """Return the search so far, best network first.

    Args:
        study: Its name; by default the latest.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is none; offers the nearest name.
    """
    return result_of(find(open_storage(storage_url(storage)), study))


def dashboard(study: str | None = None, *, storage: str | None = None) -> tuple[str, RDBStorage]:
    """Return the path of a study's page in the Optuna dashboard, and the storage to serve.

    Args:
        study: Its name; by default the latest.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is none; offers the nearest name.
    """
    opened = open_storage(storage_url(storage))
    found = find(opened, study)
    return f"/dashboard/studies/{found._study_id}", opened  # noqa: SLF001 -- what the page is called


def export(
    study: str | None = None,
    *,
    to: str | Path | None = None,
    trial: int | None = None,
    name: str | None = None,
    force: bool = False,
    storage: str | None = None,
) -> tuple[Path, ...]:
    """Write a network of a search as plain PyTorch that needs nothing of ours, and return the files.

    Args:
        study: Its name, or ``STUDY#12`` for one of its networks; by default the latest study.
        to: Folder that is made for it.
        trial: Number of the network; by default the best that fits.
        name: Of the module and of the function in it; by default the folder's.
        force: Whether files of the same names may be replaced.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study or network.
        ExportError: if the folder, the name or the weights cannot be used.
    """
    if to is None:
        raise ExportError("No folder was given: expected one to write to, for example --to my_net.")
    folder = Path(to)
    chosen, number = split_network(study)
    found = find(open_storage(storage_url(storage)), chosen)
    network = delivered(result_of(found), trial if trial is not None else number)
    images = images_of(found)
    return export_network(
        Architecture.from_json(network.architecture),
        folder=folder,
        name=name or folder.resolve().name,
        weights=Path(folder_of(found)) / "trials" / f"{network.trial:05d}" / WEIGHTS,
        num_classes=len(images["classes"]),
        in_channels=images["channels"],
        classes=images["classes"],
        mean=images["mean"],
        std=images["std"],
        provenance=provenance_of(found, network),
        force=force,
    )


def _run(plan: Plan, progress: Progress, address: str | None) -> SearchResult:
    storage = open_storage(plan.url)
    with ExitStack() as stack:
        study = begin(
            storage,
            plan.name,
            plan.settings,
            sampler=plan.sampler(),
            pruner=plan.pruner(),
            images=plan.images,
            folder=str(plan.folder),
        )
        stack.enter_context(only_driver(plan.folder, plan.name))
        stack.enter_context(_logging_to(plan.folder))
        done = sum(map(record.trained, study.get_trials(deepcopy=False)))
        proposals = Proposals(study, plan.prices, plan.budgets)
        progress.plan(plan, done, proposals.left_running)
        if done >= plan.trials and not proposals.left_running:
            return result_of(study)
        limits = Limits(
            trials=plan.trials,
            failures=max(3, plan.trials // 4),
            deadline=None if plan.hours is None else time.monotonic() + 3600 * plan.hours,
        )
        bridges: list[Bridge] = []

        def make_bridge() -> Bridge:
            bridges.append(Bridge(study, proposals, lambda n, a: _told(plan, n, a), limits, progress))
            return bridges[0]

        stack.enter_context(leaving_on_signals(limits, progress.say))
        with progress:
            outcome = drive(make_bridge, plan.slots, folder=plan.folder, address=address)
        problem = bridges[0].problem
        if problem is not None:
            progress.say(str(problem))
        interrupted = problem is None and (limits.draining or limits.stopping)
        return result_of(study, overhead=outcome.overhead, interrupted=interrupted)


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
    loggers = [logging.getLogger(name) for name in ("nas", "trials", "search_spaces")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()
