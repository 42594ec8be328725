"""Stores what a search learns from earlier studies with it, so that it can go on without those studies."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from nas.bayesopt.deployed_values import values_as_deployed
from nas.bayesopt.feasible_region import region_of
from nas.bayesopt.history import Histories
from nas.bayesopt.problem import Source, TransferSource
from nas.bayesopt.region_surrogate import surrogate_of
from nas.bayesopt.space_problem import problem_of
from nas.storage.optuna_storage import existing_storage
from nas.study.expected_values import expected_values
from nas.study.int8_values import int8_drop
from nas.study.study import EARLIER, find, images_of, settings_of, space_of
from search_spaces.budget import Budget
from search_spaces.errors import StudyError
from search_spaces.pricing import Prices
from search_spaces.pricing import prices as priced

LEAST: Final = 10
"""Trained networks of an earlier study that are enough to learn from."""

_VERSION: Final = 1

Record = dict[str, Any]


def read_transfer(url: str, name: str, earlier: Sequence[str], prices: Prices) -> tuple[Record, ...]:
    """Return the networks that a search learns from, those stored when it began if it has begun.

    Args:
        url: Database URL of the storage.
        name: Name of the search.
        earlier: Names of the studies to learn from.
        prices: The search space with the costs of its networks.

    Raises:
        StudyError: if there is no such study, it is named twice, or too few of its networks are in the space.
    """
    storage = existing_storage(url)
    begun = {summary.study_name: summary for summary in optuna.get_all_study_summaries(storage=storage)}
    if name in begun and EARLIER in begun[name].user_attrs:
        return _records(begun[name].user_attrs[EARLIER])
    if name in earlier:
        raise StudyError(f"The study '{name}' cannot learn from itself: expected another one. Name another.")
    for twice in {other for other in earlier if earlier.count(other) > 1}:
        raise StudyError(f"The study '{twice}' is named twice: expected it once. Leave one out.")
    return tuple(_networks(storage, other, prices) for other in earlier)


def _networks(storage: RDBStorage, earlier: str, prices: Prices) -> Record:
    study = find(storage, earlier)
    budgets = [budget.text for budget in settings_of(study).budgets]
    region = region_of(problem_of(prices, [], seed=0))
    nobody = optuna.trial.create_trial(state=TrialState.RUNNING)
    history = Histories(region, drop_of=int8_drop).read(study, nobody)
    networks = len(np.unique(history.trials))
    if networks < LEAST:
        raise StudyError(
            f"Cannot learn from '{study.study_name}': {networks} of its trained networks are in the space "
            f"{prices.codes.name}, expected at least {LEAST}. Let it go on, or learn from another study."
        )
    return {
        "version": _VERSION,
        "study": study.study_name,
        "budgets": budgets,
        "points": region.points(history.rows),
        "values": values_as_deployed(history, region, partial(surrogate_of, region, seed=0)).tolist(),
        "fidelity": history.fidelity.tolist(),
        "networks": history.trials.tolist(),
    }


def _records(kept: Record) -> tuple[Record, ...]:
    return tuple(kept.get("studies", [kept]))


def evidence_of(study: optuna.Study) -> tuple[Source | TransferSource, ...]:
    """Return what a search knew of networks before they were trained: counts, earlier studies, a supernet."""
    space, images = space_of(study), images_of(study)
    table = priced(space.codes, num_classes=len(images["classes"]), in_channels=images["channels"])
    kept = study.user_attrs.get(EARLIER)
    records = () if kept is None else _records(kept)
    counts = problem_of(table, settings_of(study).budgets, seed=0).evidence
    expected = expected_values(study.user_attrs)
    if expected is not None:
        records = (*records, expected.record(study.study_name, space))
    return (*counts, *(transfer_source(record, table) for record in records))


def store_transfer(study: optuna.Study, taken: Sequence[Record]) -> None:
    """Store what a search learns from when it begins; one study as it was when there could be only one."""
    if taken and EARLIER not in study.user_attrs:
        kept = taken[0] if len(taken) == 1 else {"version": _VERSION, "studies": list(taken)}
        study.set_user_attr(EARLIER, kept)


def transfer_source(taken: Record, prices: Prices) -> TransferSource:
    """Return the stored networks as samplers read them."""
    if taken["version"] != _VERSION:
        raise StudyError(
            f"What the study learns from was written in format {taken['version']!r}: this version reads "
            f"{_VERSION}. Go on with the version that began it."
        )
    problem = problem_of(prices, [Budget.parse(text) for text in taken["budgets"]], seed=0)
    return TransferSource(
        points=taken["points"],
        values=np.array(taken["values"], dtype=np.float64),
        fidelity=np.array(taken["fidelity"], dtype=np.float64),
        networks=np.array(taken["networks"], dtype=np.int64),
        known_constraints_batch=problem.known_constraints_batch,
        draw=problem.draw,
        name=taken.get("name", f"study {taken['study']}"),
        additive=taken.get("additive", False),
    )
