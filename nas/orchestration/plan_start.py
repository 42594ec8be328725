"""Begins the study of a planned search or finds it again, and says what ends it."""

import time
from dataclasses import replace

import optuna
from optuna.storages import BaseStorage

from nas.ask_tell.known_trials import KnownTrials
from nas.ask_tell.stopping import StoppingCriteria
from nas.coordination.driver_session import is_shared
from nas.orchestration.search_plan import SearchPlan
from nas.ray_backend.ray_cluster import Cluster
from nas.resources import fewer_slots, this_machine
from nas.study.earlier_studies import store_transfer
from nas.study.reproduce_command import keep_request
from nas.study.reproducibility import agreed_slots
from nas.study.study import begin, keep_settings, keep_space


def begun(plan: SearchPlan, storage: BaseStorage) -> optuna.Study:
    """Return the study of a plan, new or found again, with its space and what it learns from.

    Of one that another process may be searching nothing is changed.
    """
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
    return study


def keep_asked(plan: SearchPlan, study: optuna.Study) -> None:
    """Store how a study was started, and where its images are now; by its driver alone."""
    keep_settings(study, plan.settings)
    keep_request(study, plan.request)


def known_trials(plan: SearchPlan, study: optuna.Study, *, local: bool) -> KnownTrials | None:
    """Return what proposals may rest on, None where every run may make others; sets the pruner accordingly.

    The default holds for one driver on one machine: with several, each would wait for the others.
    """
    default = local and not is_shared(plan.url)
    slots = agreed_slots(study, plan.reproducible, default=default, slots=plan.slots.count)
    study.pruner = plan.pruner(in_order=slots is not None)
    return None if slots is None else KnownTrials(slots=slots, rung=plan.first_rung)


def with_agreed_slots(plan: SearchPlan, known: KnownTrials | None, cluster: Cluster | None) -> SearchPlan:
    """Return a plan with no more trainings side by side than its proposals allow.

    Args:
        plan: The plan, with the slots that there are.
        known: What proposals may rest on; None if they allow any number.
        cluster: The cluster that trains; None for this machine.
    """
    if known is None or known.slots >= plan.slots.count:
        return plan
    machines = [this_machine()] if cluster is None else [node.machine for node in cluster.nodes()]
    slots = fewer_slots(machines, plan.slots, known.slots)
    return replace(plan, slots=slots, possible_slots=plan.slots.count)


def criteria_of(plan: SearchPlan) -> StoppingCriteria:
    """Return what ends the search of a plan by itself."""
    return StoppingCriteria(
        trials=plan.trials,
        failures=max(3, plan.trials // 4),
        deadline=None if plan.hours is None else time.monotonic() + 3600 * plan.hours,
    )
