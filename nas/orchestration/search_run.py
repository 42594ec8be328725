"""Runs a planned search from its study to its result."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from optuna.storages import get_storage

from dashboards.result import SearchResult
from nas.ask_tell.candidates import CandidateSource
from nas.ask_tell.stopping import SearchControl
from nas.ask_tell.trial_source import Planned
from nas.coordination.driver_session import driver_session
from nas.coordination.heartbeat import heartbeat
from nas.coordination.trial_ownership import TrialOwnership
from nas.files.checkpoint_retention import CheckpointRetention
from nas.files.locating import files_of
from nas.files.ownership import claimed
from nas.files.study_files import StudyFiles
from nas.files.trial_artifacts import TrialArtifacts
from nas.latency.constraint import LatencyCheck
from nas.latency.measurement_cache import LatencyCache
from nas.orchestration.cluster_admission import admission
from nas.orchestration.console_progress import ConsoleProgress
from nas.orchestration.donor_source import place_donor
from nas.orchestration.evaluation import evaluated
from nas.orchestration.plan_start import begun, criteria_of, keep_asked, known_trials, with_agreed_slots
from nas.orchestration.planned_trial import planned_trial
from nas.orchestration.posterior_update import PosteriorUpdate
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.study_log import study_log
from nas.orchestration.supernet_agreement import compare_readings
from nas.orchestration.winner_check import WinnerCheck
from nas.ray_backend.node_admission import NodeAdmission
from nas.ray_backend.ray_cluster import Cluster
from nas.ray_backend.runner import leaving_on_signals, run_trainings
from nas.ray_backend.searcher import StudySearcher
from nas.ray_backend.tensorboard import TensorBoard
from nas.ray_backend.worker import worker_config
from nas.resources import Capacity
from nas.storage.database import storage_errors
from nas.storage.optuna_storage import open_storage
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.donor import DONOR_FILE
from nas.study.heartbeat import search_state
from nas.study.opened_study import OpenedStudy
from nas.study.places import identity_of
from search_spaces.errors import TargetError, UserError


def run_search(plan: SearchPlan, *, quiet: bool = False, cluster: Cluster | None = None) -> SearchResult:
    """Begin the search or go on with it, and return it when it has ended.

    Args:
        plan: What was asked for.
        quiet: Whether no progress is shown.
        cluster: The Ray cluster that trains; None for this machine.

    Raises:
        UserError: if the study, the storage, a target or the cluster cannot be used.
    """
    storage = get_storage(open_storage(plan.url))
    capacity = Capacity(plan.slots.count)
    progress = ConsoleProgress(capacity, quiet=quiet)
    with ExitStack() as stack:
        store = stack.enter_context(Store(plan.url))
        cache = LatencyCache(
            store,
            num_classes=len(plan.splits.classes),
            in_channels=plan.splits.channels,
            report_line=progress.say,
            conditions=plan.conditions,
        )
        with storage_errors(plan.url):
            opened = OpenedStudy(begun(plan, storage), storage)
        files = files_of(opened.study)  # a study found again keeps its own
        if files.location != plan.folder:
            files.check()
        files = claimed(opened.study, progress.say)
        plan = replace(plan, folder=files.location)
        ownership = stack.enter_context(driver_session(plan.url, opened.study, files.local_folder))
        place_donor(plan.donor, plan.splits, opened.study, files, progress.say)
        stack.enter_context(study_log(files.local_folder))
        known = known_trials(plan, opened.study, local=cluster is None)
        plan = with_agreed_slots(plan, known, cluster)
        capacity.change(plan.slots.count)
        with storage_errors(plan.url):
            keep_asked(plan, opened.study)  # nothing refuses the command any more
        control = SearchControl(criteria_of(plan), capacity)
        source = CandidateSource(
            opened,
            plan.prices,
            plan.budgets,
            LatencyCheck(cache, progress.say),
            (*plan.seeds, *plan.published.values()),
            ownership,
            stopped=control.is_ending,
            known=known,
        )
        winner = WinnerCheck(cache, store, progress, plan.budgets)
        with heartbeat(storage, opened.study_id) as sign:
            most = None if known is None else known.slots
            run = _Run(plan, opened, files, source, winner, control, progress, ownership, cluster, most)
            result = run.result()
            sign.outcome = "interrupted" if result.interrupted else "ended"
        return replace(result, state=search_state(opened.study))


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a search: trains until it is to end, then decides what is delivered.

    Attributes:
        most: How many trainings its proposals allow side by side; None for any number.
    """

    plan: SearchPlan
    opened: OpenedStudy
    files: StudyFiles
    source: CandidateSource
    winner: WinnerCheck
    control: SearchControl
    progress: ConsoleProgress
    ownership: TrialOwnership
    cluster: Cluster | None
    most: int | None

    def result(self) -> SearchResult:
        """Train what is missing and return the search."""
        study, plan = self.opened.study, self.plan
        posterior = PosteriorUpdate(study, plan.prices, plan.budgets, seed=plan.settings.seed)
        posterior.update(over=True)
        done = sum(map(trial_attributes.trained, study.get_trials(deepcopy=False)))
        self.progress.resume(self.winner.latest(study))
        self.progress.plan(self.plan, done, self.source.left_running)
        retention = CheckpointRetention(self.opened, self.files, kept=plan.keep_checkpoints)
        if done >= self.plan.trials and not self.source.left_running:
            self._compare()
            result = self.winner.confirmed(study)
            retention.sweep_all(result.networks)  # an earlier start may have kept more, or been killed
            return result
        if not self._evaluated():
            return self.winner.latest(study, interrupted=self.control.problem is None)
        offered_before_s = self.control.capacity.offered_s
        busy_s = self._train(posterior, retention)
        posterior.update(over=True)
        self._check_problem(retention)
        offered_s = self.control.capacity.offered_s - offered_before_s
        self._compare()
        result = replace(self._delivered(), overhead=max(0.0, 1.0 - busy_s / offered_s))
        retention.sweep_all(result.networks)  # no earlier: the first may have missed its latency
        return result

    def _evaluated(self) -> bool:
        """Let the evaluator work and tell the sampler what it expects; return whether trainings may begin."""
        plan, study, control = self.plan, self.opened.study, self.control
        with ExitStack() as stack:
            if plan.work is not None:
                if (admitted := self._admission()) is not None:
                    stack.enter_context(admitted)
                stack.enter_context(leaving_on_signals(control, self.progress.say))
            expected = evaluated(
                study,
                plan.work,
                plan.settings,
                self.files,
                plan.slots,
                self.ownership,
                control,
                self.progress.say,
                cluster=self.cluster,
            )
        if control.problem is not None:
            raise control.problem
        study.sampler = plan.sampler(expected)
        return plan.work is None or expected is not None

    def _compare(self) -> None:
        """Compare what a supernet said of the trained networks with their trainings, if that can be done."""
        plan, control = self.plan, self.control
        if plan.settings.evaluator == "train" or control.over or control.draining:
            return
        try:
            with ExitStack() as stack:
                if (admitted := self._admission()) is not None:
                    stack.enter_context(admitted)
                stack.enter_context(leaving_on_signals(control, self.progress.say))
                compare_readings(self.opened.study, plan.settings, plan.slots, control, cluster=self.cluster)
        except UserError as error:  # the search has what it is to deliver
            self.progress.say(f"The supernet is not compared with the trainings: {error}")

    def _train(self, posterior: PosteriorUpdate, retention: CheckpointRetention) -> float:
        """Train until the search is to end, and return the slot-seconds that trainings took."""
        plan, control = self.plan, self.control
        admitted = self._admission()

        def after_end() -> None:
            posterior.update()
            retention.sweep()

        searcher = StudySearcher(
            self.opened,
            self.source,
            self._worker_config,
            control,
            self.progress,
            artifacts=TrialArtifacts.of(self.opened.study),
            metric=plan.settings.metric,
            on_refused=(lambda _node, _reason: None) if admitted is None else admitted.refuse,
            after_end=after_end,
        )
        callbacks = [TensorBoard(self.files.local_folder)] if plan.log_to == "tensorboard" else []
        with ExitStack() as stack:
            if admitted is not None:
                stack.enter_context(admitted)
            stack.enter_context(leaving_on_signals(control, self.progress.say))
            stack.enter_context(self.progress)
            run_trainings(
                searcher,
                control,
                plan.slots,
                folder=self.files.local_folder,
                cluster=self.cluster,
                callbacks=callbacks,
            )
        return searcher.busy_s

    def _check_problem(self, retention: CheckpointRetention) -> None:
        """Raise what ended the search, or show it where there is a winner all the same."""
        problem = self.control.problem
        if problem is None:
            return
        if self.control.unusable:
            raise problem
        result = self.winner.latest(self.opened.study)
        if result.best is None:
            retention.sweep_all(result.networks)
            raise problem
        self.progress.say(str(problem))

    def _delivered(self) -> SearchResult:
        """Return the search with its winner, measured again where there is time for it."""
        control, study = self.control, self.opened.study
        interrupted = control.problem is None and (control.draining or control.stopping)
        if control.stopping or isinstance(control.problem, TargetError):
            return self.winner.latest(study, interrupted=interrupted)
        return self.winner.confirmed(study, interrupted=interrupted)

    def _admission(self) -> NodeAdmission | None:
        plan = self.plan
        return admission(
            self.cluster,
            plan.slots,
            self.files,
            self.control,
            trials=plan.trials,
            data=plan.settings.data,
            say=self.progress.say,
            most=self.most,
        )

    def _worker_config(self, candidate: Planned) -> dict[str, Any]:
        """Return what the worker of a candidate receives, as a new attempt at its training."""
        plan = self.plan
        trial = replace(
            planned_trial(candidate, plan, plan.slots, self.files),
            study=identity_of(self.opened.study),
            donor=None if plan.donor is None else self.files.place(DONOR_FILE),
            normalise=None if plan.donor is None else (plan.splits.mean, plan.splits.std),
            deploy_dtype=plan.settings.deploy_dtype,
        )
        return worker_config(trial, gpu_share=plan.slots.gpus % 1, cluster=self.cluster)
