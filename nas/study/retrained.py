"""What retrainings found, kept with the study: whose weights are the best now, and how good they are."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import optuna

from nas.study.naming import trial_folder
from trials.training.run_trial import WEIGHTS

_RANKED: Final = "nas:ranked:"  # and the number of the trial: learnt from train, judged by validation
_FINAL: Final = "nas:retrained:"  # learnt from train and validation, tested once


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """One network that was trained again.

    Attributes:
        trial: Its number in the study.
        recipe: How it was trained, a `trials.training.recipe.Recipe` by field name.
        joined: Whether it learnt from the validation images too.
        from_weights: Whether it began with the weights it had.
        accuracy: What the search raises, on validation images, in [0, 1]; None where it learnt from those.
        standard_error: Of the accuracy.
        test_accuracy: On the test images, in [0, 1]; None where they were not looked at.
        test_standard_error: Of the test accuracy.
        seconds: Training and evaluation time.
        weights: Its safetensors file, among the study's files.
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


def remember(study: optuna.Study, found: Retrained) -> None:
    """Keep a retraining; the latest of a network counts."""
    study.set_user_attr(f"{_FINAL if found.joined else _RANKED}{found.trial}", found.to_json())


def ranked(study: optuna.Study) -> dict[int, Retrained]:
    """Return the retrainings by which networks are compared, by trial."""
    told = study.user_attrs
    return {
        int(key.removeprefix(_RANKED)): Retrained(**fields)
        for key, fields in told.items()
        if key.startswith(_RANKED)
    }


def final(study: optuna.Study, trial: int) -> Retrained | None:
    """Return the retraining of a network on all but the test images, if there was one."""
    told = study.user_attrs.get(f"{_FINAL}{trial}")
    return None if told is None else Retrained(**told)


def latest(study: optuna.Study, trial: int) -> Retrained | None:
    """Return the retraining of a network whose weights are used: on all images before one on a part."""
    return final(study, trial) or ranked(study).get(trial)


def weights_of(study: optuna.Study, trial: int) -> str:
    """Return where among the files of a study the best weights of a network lie: retrained, else its trial's.

    Args:
        study: In which it was found.
        trial: Number of the network.
    """
    found = latest(study, trial)
    return f"{trial_folder(trial)}/{WEIGHTS}" if found is None else found.weights
