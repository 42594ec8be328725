"""Stores retrainings with the study: which weights of a network are its best, and their accuracy."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import optuna

from nas.study.naming import trial_folder
from trials.training.file_names import WEIGHTS

_RANKED: Final = "nas:ranked:"  # and the number of the trial: trained on train, compared on validation
_FINAL: Final = "nas:retrained:"  # trained on train and validation, tested once


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """One network that was trained again.

    Attributes:
        trial: Number of its trial in the study.
        recipe: Training recipe, a `trials.training.recipe.Recipe` by field name.
        joined: Whether it was trained on the validation images too.
        from_weights: Whether it began with the weights of the search.
        accuracy: Metric of the search on validation images, in [0, 1]; None where it was trained on those.
        standard_error: Standard error of the accuracy.
        test_accuracy: Metric on the test images, in [0, 1]; None where they were not used.
        test_standard_error: Standard error of the test accuracy.
        seconds: Seconds of training and evaluation.
        weights: Its safetensors file among the files of the study.
    """

    trial: int
    recipe: dict[str, Any]
    joined: bool
    from_weights: bool
    accuracy: float | None
    standard_error: float | None
    test_accuracy: float | None
    test_standard_error: float | None
    seconds: float
    weights: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def store(study: optuna.Study, retrained: Retrained) -> None:
    """Store a retraining; the latest of a network counts."""
    kind = _FINAL if retrained.joined else _RANKED
    study.set_user_attr(f"{kind}{retrained.trial}", retrained.to_json())


def ranked(study: optuna.Study) -> dict[int, Retrained]:
    """Return the retrainings by which networks are compared, by trial."""
    return {
        int(key.removeprefix(_RANKED)): Retrained(**fields)
        for key, fields in study.user_attrs.items()
        if key.startswith(_RANKED)
    }


def final(study: optuna.Study, trial: int) -> Retrained | None:
    """Return the retraining of a network on all but the test images, if there was one."""
    fields = study.user_attrs.get(f"{_FINAL}{trial}")
    return None if fields is None else Retrained(**fields)


def latest(study: optuna.Study, trial: int) -> Retrained | None:
    """Return the retraining whose weights stand for a network: one on all images before one on a part."""
    return final(study, trial) or ranked(study).get(trial)


def weights_of(study: optuna.Study, trial: int) -> str:
    """Return the file of a network's best weights among the files of its study: retrained, else searched.

    Args:
        study: The study.
        trial: Number of the trial.
    """
    retrained = latest(study, trial)
    return f"{trial_folder(trial)}/{WEIGHTS}" if retrained is None else retrained.weights
