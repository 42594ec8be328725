"""Stores retrainings with the study, and chooses which weights of a network are delivered."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import hypot
from pathlib import PurePosixPath
from typing import Any, Final

import optuna

from dashboards.result import TrialResult
from nas.study.final_tests import TestScores
from nas.study.naming import trial_folder
from nas.study.study import Attributed
from search_spaces.errors import StudyError
from search_spaces.units import format_accuracy
from trials.training.file_names import WEIGHTS

WEIGHTS_OF: Final = ("search", "retrain")
"""Commands that make weights of a network, by which those that are delivered can be chosen."""

_RANKED: Final = "nas:ranked:"  # and the number of the trial: trained on train, compared on validation
_FINAL: Final = "nas:retrained:"  # trained on train and validation, tested once
_SEEDED: Final = "nas:retrained_seed:"  # and the seed, a colon and the trial: as those compared
_Z: Final = 1.96  # standard errors of a 95 % interval


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
            `joined`; None where it was not evaluated.
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

    @property
    def merit(self) -> tuple[float, float | None] | None:
        """Expected value on validation images, or else the value itself, with its error; None for neither."""
        if self.accuracy is None:
            return None
        return (
            (self.accuracy, self.standard_error)
            if self.expected is None
            else (self.expected, self.expected_error)
        )

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


def store(study: optuna.Study, retrained: Retrained) -> None:
    """Store a retraining; the latest of a network counts."""
    kind = _FINAL if retrained.joined else _RANKED
    study.set_user_attr(f"{kind}{retrained.trial}", retrained.to_json())


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredWeights:
    """The weights of a network that are delivered.

    Attributes:
        file: Their safetensors file among the files of the study.
        retrained: The training that made them; None for that of the search.
        reason: Why these, in words; None if the network has no others.
        others_kept: Whether the files of the study hold the others.
        compared: Whether a figure on validation images says which are better.
    """

    file: str
    retrained: Retrained | None
    reason: str | None = None
    others_kept: bool = True
    compared: bool = False


def weights_of(
    study: Attributed,
    network: TrialResult,
    kind: str | None = None,
    *,
    exists: Callable[[str], bool] = lambda _: True,
) -> DeliveredWeights:
    """Return the weights of a network that are delivered: the better by validation images, unless said.

    Args:
        study: The study.
        network: One of its networks.
        kind: ``search`` or ``retrain``; None for the better.
        exists: Whether a file is among the files of the study; weights that are not kept are not better.

    Raises:
        StudyError: if the network was never retrained and its retrained weights are asked for.
    """
    retrained = latest(study, network.trial)
    searched = DeliveredWeights(file=f"{trial_folder(network.trial)}/{WEIGHTS}", retrained=None)
    if retrained is None:
        if kind == "retrain":
            raise StudyError(
                f"Network #{network.trial} has no retrained weights: expected some for --weights-of retrain. "
                f"Train it with nas retrain --trial {network.trial}, or take --weights-of search."
            )
        return searched
    again = DeliveredWeights(file=retrained.weights, retrained=retrained)
    if kind is not None:
        return replace(searched if kind == "search" else again, reason=f"asked for by --weights-of {kind}")
    if not exists(searched.file):
        return replace(again, reason="as those of the search are no longer kept", others_kept=False)
    found = _comparison(study, network, retrained)
    return replace(again if found.better else searched, reason=found.reason, compared=found.decided)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Whether retrained weights are the better ones, whether validation images decide, and the reason."""

    better: bool
    decided: bool
    reason: str


def _comparison(study: Attributed, network: TrialResult, retrained: Retrained) -> _Comparison:
    """Return how the retrained weights of a network compare with those of the search, in int8 if both can."""
    alone = ranked(study).get(network.trial) if retrained.joined else retrained
    merit = alone.merit if alone is not None and _same_training(alone, retrained) else None
    compared = retrained if alone is None or merit is None else alone
    int8 = compared.int8 if network.int8_drop is not None else None
    searched, searched_error = _searched(network, in_int8=int8 is not None)
    before = format_accuracy(searched, searched_error)
    if merit is not None:
        value, error = int8 or merit
        chance = abs(value - searched) <= _Z * hypot(error or 0.0, searched_error or 0.0)
        after = format_accuracy(value, error)
        reason = f"because of validation images: {after} after retraining and {before} after the search"
        return _Comparison(value >= searched, True, f"{reason}{', which may be chance' if chance else ''}")
    seen_value = retrained.seen_accuracy if int8 is None else int8[0]
    if seen_value is not None and seen_value < searched:
        seen = f"because retrained weights reach {seen_value:.2%} on validation images"
        reason = f"{seen} although they learnt from them, those of the search {before} without"
        return _Comparison(False, True, reason)
    last = "as they were trained last; they learnt from the validation images too, so nothing but test images"
    return _Comparison(True, False, f"{last} compares them with those of the search")


def _searched(network: TrialResult, *, in_int8: bool) -> tuple[float, float | None]:
    """Return what the weights of the search reach on validation images, in int8 or as retrainings are."""
    if network.fp32_accuracy is None or in_int8:
        return network.merit, network.merit_error
    return network.fp32_accuracy, network.curve[-1].standard_error


def _same_training(one: Retrained, other: Retrained) -> bool:
    """Return whether two retrainings differ in their images alone."""
    return (one.recipe, one.from_weights, one.source) == (other.recipe, other.from_weights, other.source)
