"""Stores which network of a comparison a trial trains and from which seed, and what comparing has found."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import optuna
from optuna.trial import FrozenTrial

from dashboards.comparison import Comparison
from nas.storage.optuna_internals import storage_of
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from nas.study.places import identity_of
from nas.study.study import Attributed, compared_search

_NAME: Final = "network"
_SEED: Final = "training_seed"
_WEIGHTS: Final = "initial_weights"
_RESULT: Final = "nas:comparison_result"


class TrainingKey(NamedTuple):
    """What tells a training of a comparison from the others: networks of two names may be one.

    Attributes:
        fingerprint: Of the network.
        seed: Which of the seeds, from 0.
        weights: Digest of the trained weights that it begins with; None for random ones, and where an earlier
            version did not store it.
    """

    fingerprint: str
    seed: int
    weights: str | None = None


def name_training(opened: OpenedStudy, number: int, name: str, key: TrainingKey) -> None:
    """Write which network of a comparison a running trial trains, from which seed and weights."""
    opened.set_user_attribute(number, _NAME, name)
    opened.set_user_attribute(number, _SEED, key.seed)
    if key.weights is not None:
        opened.set_user_attribute(number, _WEIGHTS, key.weights)


def training_of(trial: FrozenTrial) -> TrainingKey | None:
    """Return what a trial of a comparison trains; None for another trial."""
    attrs = trial.user_attrs
    if trial_attributes.FINGERPRINT not in attrs or _SEED not in attrs:
        return None
    return TrainingKey(str(attrs[trial_attributes.FINGERPRINT]), int(attrs[_SEED]), attrs.get(_WEIGHTS))


def named(trial: FrozenTrial) -> dict[str, Any]:
    """Return the fields of a `TrialResult` that only trials of a comparison have."""
    return {"name": trial.user_attrs.get(_NAME), "training_seed": trial.user_attrs.get(_SEED)}


def store_comparison(study: optuna.Study, comparison: Comparison) -> None:
    """Store what was found by comparing with the study that holds the trainings; the latest counts."""
    study.set_user_attr(_RESULT, comparison.to_json())


def comparison_in(study: Attributed) -> Comparison | None:
    """Return what was found by comparing, None for a study that compares nothing, or not yet."""
    record = study.user_attrs.get(_RESULT)
    return None if record is None else Comparison.from_json(record)


def comparisons_with(study: optuna.Study) -> Iterator[Comparison]:
    """Yield the comparisons of a search in its storage; of a study that is one, itself."""
    own = comparison_in(study)
    if own is not None:
        yield own
        return
    identity = identity_of(study)
    for other in storage_of(study).get_all_studies() if identity is not None else ():
        if compared_search(other.user_attrs) == identity:
            found = comparison_in(other)
            if found is not None:
                yield found
