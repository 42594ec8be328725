"""Compares the readings of a supernet with trainings, beside MACs and the count of blocks."""

import logging
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import atanh, sqrt, tanh
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from dashboards.supernet_state import Agreement
from nas.ask_tell.stopping import SearchControl
from nas.files.study_images import image_cache_of
from nas.files.supernet_file import supernet_file
from nas.ray_backend.ray_cluster import Cluster
from nas.ray_backend.worker_task import run_on_worker
from nas.resources import Slots
from nas.study import trial_attributes
from nas.study.expected_values import ExpectedValues, expected_values
from nas.study.settings import Settings
from nas.study.study import images_of, space_of
from nas.study.supernet_record import AgreementRecord, agreement_of, store_agreement
from search_spaces.errors import UserError
from search_spaces.graph_counts import architecture_counts
from trials.supernet.run_reading import ReadingConfig, run_reading

_log = logging.getLogger(__name__)

LEAST: Final = 6
"""Trained networks from which on an interval says something."""

_Z: Final = 1.96  # standard errors of a 95 % interval


def compare_readings(
    study: optuna.Study,
    settings: Settings,
    slots: Slots,
    control: SearchControl,
    *,
    cluster: Cluster | None,
) -> None:
    """Read the trained networks of a search from its supernet where that is missing, and store the agreement.

    Nothing is done where the supernet is gone, or the search is to end at once.

    Args:
        study: Study of the search.
        settings: What defines it.
        slots: Resources of a training.
        control: Whether the search goes on.
        cluster: Cluster that works; None for this machine.
    """
    expected = expected_values(study.user_attrs)
    trials = [t for t in study.get_trials(deepcopy=False) if _compared(t)]
    known = agreement_of(study.user_attrs)
    numbers = tuple(trial.number for trial in trials)
    if expected is None or not numbers or known.trials == numbers:
        return
    readings = {**known.read, **_among(expected, study, trials)}
    missing = [trial for trial in trials if trial.number not in readings]
    read: Mapping[int, float] = {}
    if missing:
        try:
            weights = str(supernet_file(study))
        except UserError as error:
            _log.info("The trained networks are not read: %s", error)
            return
        config = ReadingConfig(
            weights=weights,
            architectures=[trial_attributes.architecture_of(trial).to_json() for trial in missing],
            data=settings.data,
            data_seed=settings.seed,
            cache=str(image_cache_of(study)),
            metric=settings.metric,
            threads=slots.threads * (slots.count if slots.device == "cpu" and cluster is None else 1),
            device=slots.device,
        )
        found = run_on_worker(run_reading, config.to_json, slots, control, _silent, cluster=cluster)
        if found is None:
            return
        read = dict(zip((trial.number for trial in missing), found["values"], strict=True))
    curves = [dict(trial.intermediate_values) for trial in trials]
    orders = {"supernet": [{**readings, **read}[number] for number in numbers], **_counts(study, trials)}
    agreement = tuple(agreement_with(name, values, curves) for name, values in orders.items())
    kept = {number: value for number, value in {**known.read, **read}.items() if number in numbers}
    store_agreement(
        study,
        AgreementRecord(trials=numbers, orders=agreement if len(numbers) >= LEAST else (), read=kept),
    )


def agreement_with(name: str, values: Sequence[float], curves: Sequence[Mapping[int, float]]) -> Agreement:
    """Return how well an order of networks agrees with their trainings, by Kendall's tau-b.

    Two networks are compared by their values at the last epoch that both have. The interval is that of
    Fieller, Hartley and Pearson (1957, https://doi.org/10.1093/biomet/44.3-4.470): the inverse hyperbolic
    tangent of tau has a variance of about 0.437 / (n - 4). A perfect order counts as one pair short of it.

    Args:
        name: What orders the networks.
        values: What they are ordered by.
        curves: Value of each network by epoch.
    """
    agree, ordered, trained = 0, 0, 0
    for one, other in combinations(range(len(values)), 2):
        first = _sign(values[one], values[other])
        epochs = curves[one].keys() & curves[other].keys()
        second = _sign(curves[one][max(epochs)], curves[other][max(epochs)]) if epochs else 0
        agree, ordered, trained = agree + first * second, ordered + abs(first), trained + abs(second)
    if not ordered or not trained or len(values) < LEAST:
        return Agreement(name=name, tau=None, low=None, high=None)
    tau = agree / sqrt(ordered * trained)
    most = 1 - 1 / sqrt(ordered * trained)
    centre, error = atanh(max(-most, min(most, tau))), sqrt(0.437 / (len(values) - 4))
    return Agreement(name=name, tau=tau, low=tanh(centre - _Z * error), high=tanh(centre + _Z * error))


def _compared(trial: FrozenTrial) -> bool:
    """Return whether a trial has ended after an epoch at least."""
    ended = trial.state in {TrialState.COMPLETE, TrialState.PRUNED}
    return ended and trial_attributes.described(trial) and bool(trial.intermediate_values)


def _among(expected: ExpectedValues, study: optuna.Study, trials: Sequence[FrozenTrial]) -> dict[int, float]:
    """Return the readings that an evaluator took of networks which were trained later, by trial."""
    codes = space_of(study).codes
    read = {tuple(row): value for row, value in zip(expected.codes, expected.values, strict=True)}
    rows = {t.number: tuple(codes.code_of(trial_attributes.architecture_of(t)).tolist()) for t in trials}
    return {number: read[row] for number, row in rows.items() if row in read}


def _counts(study: optuna.Study, trials: Sequence[FrozenTrial]) -> dict[str, list[float]]:
    """Return the MACs, and the number of blocks that do something, of networks."""
    images = images_of(study)
    shape = {"num_classes": len(images["classes"]), "in_channels": images["channels"]}
    counts = [architecture_counts(trial_attributes.architecture_of(trial), **shape) for trial in trials]
    return {
        "MACs": [float(count["log_macs"]) for count in counts],
        "blocks": [float(count["blocks"]) for count in counts],
    }


def _sign(one: float, other: float) -> int:
    return (one > other) - (one < other)


def _silent(_: Mapping[str, Any]) -> None:
    pass
