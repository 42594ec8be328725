"""Begins the study of a planned search or finds it again, and says what ends it."""

import time

import optuna
from optuna.storages import BaseStorage

from nas.ask_tell.known_trials import KnownTrials
from nas.ask_tell.stopping import StoppingCriteria
from nas.coordination.driver_session import is_shared
from nas.orchestration.search_plan import SearchPlan
from nas.study.earlier_studies import store_transfer
from nas.study.reproduce_command import keep_request
from nas.study.reproducibility import agreed_slots
from nas.study.study import begin, keep_space


def begun(plan: SearchPlan, storage: BaseStorage) -> optuna.Study:
    """Return the study of a plan, new or found again, with everything that is stored beside it."""
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
    return study


def known_trials(plan: SearchPlan, study: optuna.Study, *, local: bool) -> KnownTrials | None:
    """Return what proposals may rest on, None where every run may make others; sets the pruner accordingly.

    The default holds for one driver on one machine: with several, each would wait for the others.
    """
    default = local and not is_shared(plan.url)
    slots = agreed_slots(study, plan.reproducible, default=default, slots=plan.slots.count)
    study.pruner = plan.pruner(in_order=slots is not None)
    return None if slots is None else KnownTrials(slots=slots, rung=plan.first_rung)


def criteria_of(plan: SearchPlan) -> StoppingCriteria:
    """Return what ends the search of a plan by itself."""
    return StoppingCriteria(
        trials=plan.trials,
        failures=max(3, plan.trials // 4),
        deadline=None if plan.hours is None else time.monotonic() + 3600 * plan.hours,
    )
