"""Stores which network of a comparison a trial trains and from which seed, and what comparing has found."""

from collections.abc import Iterator
from typing import Any, Final

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
_RESULT: Final = "nas:comparison_result"


def name_training(opened: OpenedStudy, number: int, name: str, seed: int) -> None:
    """Write which network of a comparison a running trial trains, and from which of its seeds."""
    opened.set_user_attribute(number, _NAME, name)
    opened.set_user_attribute(number, _SEED, seed)


def training_of(trial: FrozenTrial) -> tuple[str, int] | None:
    """Return fingerprint and seed of what a trial of a comparison trains; None for another trial."""
    attrs = trial.user_attrs
    if trial_attributes.FINGERPRINT not in attrs or _SEED not in attrs:
        return None
    return str(attrs[trial_attributes.FINGERPRINT]), int(attrs[_SEED])


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
