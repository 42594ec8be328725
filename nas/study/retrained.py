"""Stores with a study what came of the retrainings of its networks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray

from nas.study.final_tests import TestScores
from nas.study.study import Attributed

_RANKED: Final = "nas:ranked:"  # and the number of the trial: trained on train, compared on validation
_FINAL: Final = "nas:retrained:"  # trained on train and validation, tested once
_DROPPED: Final = "nas:dropped:"  # and the number of the trial: not trained to the end
_SEEDED: Final = "nas:retrained_seed:"  # and the seed, a colon and the trial: as those compared

Floats = NDArray[np.float64]


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
        recipe_file: Name or absolute path of the recipe as it was asked for; None in older studies.
        seen_accuracy: Metric on the validation images after it learnt from these too: no measure of other
            images, but what stays below the search's weights in spite of it is worse than they are.
        test_values: Value and standard error on the test images by metric; None in older studies.
        top: Number of networks that were retrained together for comparison; None where it was trained alone.
        expected: Expected metric on unlimited images like the validation images, given all networks that were
            retrained alike: the best of several is in part the luckiest. None where it was the only one.
        expected_error: Its standard deviation.
        expected_in_int8: Whether that is expected of the int8 form.
        start: What it started from besides random weights and those of the search, a
            `nas.orchestration.start.Start` by field name; None for nothing else.
        teacher: Network that it learnt from, as it was asked for besides the recipe; None without one.
        recipe_reason: Why this recipe, in sentences, where it was chosen by its network and images or decides
            something by the images; None where it was asked for as it is.
        seed: Number of the training among those of the network that differ in their randomness alone.
        seeds: Number of those from which validation images chose it; None where it was not chosen so.
        soup: Seeds of the trainings whose weights were averaged; None where it is one training.
        souped: Whether averages were asked for.
        deploy_dtype: Numbers in which it is deployed, as asked for; None for those of the search.
        int8: Value and standard error of its int8 form on validation images, which it learnt from too where
            `joined`; None where it was not evaluated, or fp32 was asked for last.
        int8_test: The same on the test images by metric; None where it was not evaluated.
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
    recipe_file: str | None = None
    seen_accuracy: float | None = None
    test_values: dict[str, list[float]] | None = None
    top: int | None = None
    expected: float | None = None
    expected_error: float | None = None
    start: dict[str, Any] | None = None
    teacher: str | None = None
    recipe_reason: str | None = None
    seed: int = 0
    seeds: int | None = None
    soup: list[int] | None = None
    souped: bool = False
    deploy_dtype: str | None = None
    int8: list[float] | None = None
    int8_test: dict[str, list[float]] | None = None
    expected_in_int8: bool = False

    @property
    def value(self) -> tuple[float, float | None] | None:
        """Value of the deployed form on validation images, with its error; None where it learnt from them."""
        if self.accuracy is None or self.int8 is None:
            return None if self.accuracy is None else (self.accuracy, self.standard_error)
        return self.int8[0], self.int8[1]

    @property
    def merit(self) -> tuple[float, float | None] | None:
        """Expected value on validation images, or else the value itself, with its error; None for neither."""
        known = self.expected is not None and self.expected_in_int8 == (self.int8 is not None)
        return (self.expected or 0.0, self.expected_error) if known else self.value

    @property
    def settings(self) -> str:
        """Name of the recipe with a digest of all settings: networks of the same are compared."""
        return PurePosixPath(self.weights).parent.name

    @property
    def learnt_from(self) -> str:
        """The images that the weights learnt from, in words."""
        return "training and validation" if self.joined else "training"

    @property
    def started_from(self) -> str | None:
        """What it started from in words; None for random weights."""
        if self.start is not None:
            return str(self.start["words"])
        return "the weights of the search" if self.from_weights else None

    @property
    def source(self) -> str | None:
        """Source of its initial weights as asked for; None for random ones and those of the search."""
        return None if self.start is None else str(self.start["source"])

    @property
    def test_scores(self) -> TestScores | None:
        """Figures on the test images; None where they were not used."""
        if self.test_accuracy is None:
            return None
        record = {"accuracy": self.test_accuracy, "standard_error": self.test_standard_error}
        return TestScores.from_json({**record, "values": self.test_values or {}})

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def values_of(found: Sequence[Retrained]) -> tuple[Floats, Floats]:
    """Return what trainings reach on validation images as they are compared, and the errors, ``[n]`` each."""
    values = [one.value or (0.0, None) for one in found]
    return np.array([value for value, _ in values]), np.array([error or 0.0 for _, error in values])


def store(study: optuna.Study, retrained: Retrained) -> None:
    """Store a retraining; the latest of a network counts."""
    kind = _FINAL if retrained.joined else _RANKED
    study.set_user_attr(f"{kind}{retrained.trial}", retrained.to_json())
    if not retrained.joined and retrained.trial in dropped(study):
        study.set_user_attr(f"{_DROPPED}{retrained.trial}", None)


def store_dropped(study: optuna.Study, trial: int, settings: str) -> None:
    """Store that a race stopped a network, or that its training failed: others of the race come before it.

    Args:
        study: The study.
        trial: Number of the network's trial.
        settings: Of its retraining, see `Retrained.settings`.
    """
    study.set_user_attr(f"{_DROPPED}{trial}", settings)


def dropped(study: Attributed) -> dict[int, str]:
    """Return the settings of retrainings that did not reach their end, by trial."""
    return {
        int(key.removeprefix(_DROPPED)): settings
        for key, settings in study.user_attrs.items()
        if key.startswith(_DROPPED) and settings is not None
    }


def store_seed(study: optuna.Study, retrained: Retrained) -> None:
    """Store one of several trainings of a network, by a seed above 0; see `store` for that by seed 0."""
    study.set_user_attr(f"{_SEEDED}{retrained.seed}:{retrained.trial}", retrained.to_json())


def seed_of(study: Attributed, trial: int, seed: int) -> Retrained | None:
    """Return the training of a network by a seed above 0, if there was one."""
    fields = study.user_attrs.get(f"{_SEEDED}{seed}:{trial}")
    return None if fields is None else Retrained(**fields)


def store_delivered(study: optuna.Study, retrained: Retrained) -> None:
    """Store one of several trainings of a network as the one that is delivered."""
    study.set_user_attr(f"{_FINAL}{retrained.trial}", retrained.to_json())


def ranked(study: Attributed) -> dict[int, Retrained]:
    """Return the retrainings by which networks are compared, by trial."""
    return {
        int(key.removeprefix(_RANKED)): Retrained(**fields)
        for key, fields in study.user_attrs.items()
        if key.startswith(_RANKED)
    }


def finals(study: Attributed) -> dict[int, Retrained]:
    """Return the retrainings that are delivered: on all but the test images, or the best of several."""
    return {
        int(key.removeprefix(_FINAL)): Retrained(**fields)
        for key, fields in study.user_attrs.items()
        if key.startswith(_FINAL)
    }


def final(study: Attributed, trial: int) -> Retrained | None:
    """Return the retraining of a network that is delivered, see `finals`, if there was one."""
    fields = study.user_attrs.get(f"{_FINAL}{trial}")
    return None if fields is None else Retrained(**fields)


def latest(study: Attributed, trial: int) -> Retrained | None:
    """Return the latest retraining of a network: one on all images before one on a part."""
    return final(study, trial) or ranked(study).get(trial)
