"""Runs a planned comparison: trains what its study lacks on Ray Tune, then compares the networks."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import optuna
import torch
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.storages import get_storage

from dashboards.comparison import Comparison
from nas.ask_tell.stopping import SearchControl, StoppingCriteria
from nas.ask_tell.trial_source import Planned
from nas.comparison.comparison_plan import ComparisonPlan
from nas.comparison.comparison_result import comparison_of, failures, read_predictions
from nas.comparison.latencies import latencies, measure_networks
from nas.comparison.own_weights import place_donors
from nas.comparison.training_source import Job, PlannedTraining, TrainingSource
from nas.coordination.driver_session import driver_session
from nas.coordination.heartbeat import heartbeat
from nas.files.checkpoint_retention import CheckpointRetention
from nas.files.ownership import claimed
from nas.files.study_files import StudyFiles
from nas.files.study_images import images_for
from nas.files.trial_artifacts import TrialArtifacts
from nas.latency.measurement_cache import LatencyCache
from nas.orchestration.cluster_admission import admission
from nas.orchestration.console_progress import ConsoleProgress
from nas.orchestration.deployed_form import INT8
from nas.orchestration.planned_trial import planned_trial
from nas.orchestration.study_log import study_log
from nas.ray_backend.ray_cluster import Cluster
from nas.ray_backend.runner import leaving_on_signals, run_trainings
from nas.ray_backend.searcher import StudySearcher
from nas.ray_backend.worker import worker_config
from nas.resources import Capacity, Slots
from nas.storage.database import storage_errors
from nas.storage.optuna_internals import storage_of
from nas.storage.optuna_storage import open_storage
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.compared_training import store_comparison
from nas.study.donor import donor_file, keep_donors
from nas.study.final_tests import note_read
from nas.study.naming import trial_folder
from nas.study.opened_study import OpenedStudy
from nas.study.places import identity_of
from nas.study.results import result_of
from nas.study.study import begin, find, is_comparison, keep_settings, mark_comparison
from trials.pretrained.donor_file import donor_facts
from trials.training.file_names import TEST_PREDICTIONS, WEIGHTS
from trials.training.final_test import final_predictions, write_int8_predictions

_ALL: Final = 10**9  # networks whose weights are kept


def run_comparison(
    plan: ComparisonPlan, slots: Slots, *, quiet: bool = False, cluster: Cluster | None = None
) -> Comparison:
    """Begin the comparison or go on with it, and return what was found when it has ended.

    Args:
        plan: What was asked for.
        slots: Resources of the trainings that run side by side.
        quiet: Whether no progress is shown.
        cluster: The Ray cluster that trains; None for this machine.

    Raises:
        UserError: if the study, the storage or the cluster cannot be used, or no training reaches its end.
    """
    storage = get_storage(open_storage(plan.url))
    capacity = Capacity(slots.count)
    progress = ConsoleProgress(capacity, quiet=quiet)
    with ExitStack() as stack:
        store = stack.enter_context(Store(plan.url))
        with storage_errors(plan.url):
            opened = OpenedStudy(_begun(plan, storage), storage)
        files = claimed(opened.study, progress.say)
        plan = replace(plan, folder=files.location)
        place_donors(plan.donors, files)
        keep_donors(opened.study, {digest: donor_facts(donor) for digest, donor in plan.donors.items()})
        ownership = stack.enter_context(driver_session(plan.url, opened.study, files.local_folder))
        _keep_asked(plan, opened.study)
        stack.enter_context(study_log(files.local_folder))
        jobs = [Job(entrant=one, seed=seed) for seed in range(plan.seeds) for one in plan.entrants]
        criteria = StoppingCriteria(trials=len(jobs), failures=max(3, len(plan.entrants)))
        control = SearchControl(criteria, capacity)
        source = TrainingSource(
            opened,
            jobs,
            plan.settings.budgets,
            **plan.shape,
            ownership=ownership,
            stopped=control.is_ending,
        )
        with heartbeat(storage, opened.study_id) as sign:
            run = _Run(plan, slots, opened, files, source, control, progress, store, cluster)
            found = run.result()
            sign.outcome = "interrupted" if found.interrupted else "ended"
    return found


def _begun(plan: ComparisonPlan, storage: optuna.storages.BaseStorage) -> optuna.Study:
    """Return the study of a comparison, new or found again.

    Of one that another process may be running nothing is changed.
    """
    images = {
        "classes": list(plan.splits.classes),
        "channels": plan.splits.channels,
        "mean": list(plan.splits.mean),
        "std": list(plan.splits.std),
    }
    study = begin(
        storage,
        plan.name,
        plan.settings,
        sampler=RandomSampler(plan.settings.seed),
        pruner=NopPruner(),
        images=images,
        folder=plan.folder,
    )
    if not is_comparison(study.user_attrs):  # it counts as a search until it is marked
        _mark(plan, study)
    return study


def _keep_asked(plan: ComparisonPlan, study: optuna.Study) -> None:
    """Store how a comparison was started, and where its images are now; by its driver alone."""
    keep_settings(study, plan.settings)
    _mark(plan, study)


def _mark(plan: ComparisonPlan, study: optuna.Study) -> None:
    storage = storage_of(study)
    search = None if plan.search is None else optuna.load_study(study_name=plan.search, storage=storage)
    mark_comparison(study, search, plan.command)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a comparison."""

    plan: ComparisonPlan
    slots: Slots
    opened: OpenedStudy
    files: StudyFiles
    source: TrainingSource
    control: SearchControl
    progress: ConsoleProgress
    store: Store
    cluster: Cluster | None

    def result(self) -> Comparison:
        """Train what is missing and return the comparison, which the study keeps."""
        plan, control, study = self.plan, self.control, self.opened.study
        self._say_plan()
        if len(self.source.done) < self.source.wanted:
            self._train()
            CheckpointRetention(self.opened, self.files, kept=_ALL).sweep_all(result_of(study).networks)
        done = self.source.done
        if control.problem is not None and (control.unusable or not done):
            raise control.problem
        if control.problem is not None:
            self.progress.say(str(control.problem))
        interrupted = control.problem is None and (control.draining or control.stopping)
        if plan.final and not interrupted:
            self._test()
        cache = LatencyCache(self.store, report_line=self.progress.say, **plan.shape)
        if not interrupted:
            measure_networks(
                [entrant.architecture for entrant in plan.entrants],
                plan.settings.budgets,
                cache,
                self.progress.say,
            )
        found = comparison_of(
            plan,
            self.files,
            done,
            failures(study.get_trials(deepcopy=False)),
            latencies(self.store, plan.settings.budgets, **plan.shape, cache=cache),
            self._fits(),
            interrupted=interrupted,
        )
        store_comparison(study, found)
        return found

    def _fits(self) -> dict[str, bool]:
        """Return whether networks meet the budgets by the latest measurements; nothing without budgets."""
        networks = result_of(self.opened.study, self.store).networks if self.plan.settings.budgets else ()
        return {network.architecture.fingerprint: network.fits for network in networks}

    def _say_plan(self) -> None:
        plan, say = self.plan, self.progress.say
        done, wanted = len(self.source.done), self.source.wanted
        say(f"Images   {plan.settings.data}: {len(plan.splits.train):,} to train on, the same for all")
        for place, entrant in enumerate(plan.entrants):
            say(f"{'Compare  ' if not place else '    with '}{entrant.name}: {entrant.origin}")
        self.progress.expect(wanted, plan.recipe, plan.settings.metric)
        self.progress.resume(result_of(self.opened.study))
        trained = f"{done} are trained already" if done else ""
        if done < wanted:
            say(
                f"Train    {len(plan.entrants)} networks from {plan.seeds} seeds, {self.slots.count} at once "
                f"on {self.slots.device}, {plan.recipe.epochs} epochs each by {plan.recipe.name}"
                f"{f'; {trained}' if trained else ''}"
            )
        say(f"Study    {plan.name} (seed {plan.settings.seed})")

    def _train(self) -> None:
        """Train until all have ended or the comparison is to end."""
        admitted = admission(
            self.cluster,
            self.slots,
            self.files,
            self.control,
            trials=self.source.wanted,
            data=self.plan.settings.data,
            say=self.progress.say,
        )
        retention = CheckpointRetention(self.opened, self.files, kept=_ALL)
        searcher = StudySearcher(
            self.opened,
            self.source,
            self._worker_config,
            self.control,
            self.progress,
            artifacts=TrialArtifacts.of(self.opened.study),
            metric=self.plan.settings.metric,
            on_refused=(lambda _node, _reason: None) if admitted is None else admitted.refuse,
            after_end=retention.sweep,
        )
        with ExitStack() as stack:
            if admitted is not None:
                stack.enter_context(admitted)
            stack.enter_context(leaving_on_signals(self.control, self.progress.say))
            stack.enter_context(self.progress)
            run_trainings(
                searcher, self.control, self.slots, folder=self.files.local_folder, cluster=self.cluster
            )

    def _worker_config(self, planned: Planned) -> dict[str, Any]:
        """Return what the worker of a training receives, as a new attempt at it."""
        assert isinstance(planned, PlannedTraining)
        donor = None if planned.weights is None else self.plan.donors[planned.weights]
        trial = replace(
            planned_trial(planned, self.plan, self.slots, self.files),
            donor=None if donor is None else self.files.place(donor_file(donor.digest)),
            study=identity_of(self.opened.study),
            trial=planned.seed,  # so that all networks have the same seeds
            keep_predictions=True,
            deploy_dtype=self.plan.settings.deploy_dtype,
        )
        return worker_config(trial, gpu_share=self.slots.gpus % 1, cluster=self.cluster)

    def _test(self) -> None:
        """Let every trained network classify the test images, each once."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        in_int8 = self.plan.settings.deploy_dtype == INT8
        for trial in sorted(self.source.done.values(), key=lambda trial: trial.number):
            folder = trial_folder(trial.number)
            if read_predictions(self.files, f"{folder}/{TEST_PREDICTIONS}") is not None:
                continue
            network = trial_attributes.architecture_of(trial)
            images = images_for(self.opened.study, network.resolution)
            self._note_read(f"{folder}/{WEIGHTS}{f'@{INT8}' if in_int8 else ''}")
            with ExitStack() as stack:
                weights = stack.enter_context(self.files.fetched(f"{folder}/{WEIGHTS}"))
                path = (
                    Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nas-"))) / TEST_PREDICTIONS
                )
                if in_int8:
                    write_int8_predictions(path, network, weights, images, self.plan.recipe)
                else:
                    final_predictions(network, weights, images, self.plan.recipe, device).write(path)
                self.files.put(f"{folder}/{TEST_PREDICTIONS}", path)
            self.progress.say(f"#{trial.number} has seen the test images")

    def _note_read(self, weights: str) -> None:
        """Note that weights are evaluated on the test images, for the search too, whose images these are."""
        note_read(self.opened.study, weights)
        if self.plan.search is not None:
            note_read(find(open_storage(self.plan.url), self.plan.search), f"{self.plan.name}:{weights}")
