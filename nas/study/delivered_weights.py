"""Chooses which weights of a network are delivered: those of the search or of a retraining."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import hypot
from typing import Final

from dashboards.result import TrialResult
from nas.study.naming import trial_folder
from nas.study.retrained import Retrained, latest, ranked
from nas.study.study import Attributed
from search_spaces.errors import StudyError
from search_spaces.units import format_accuracy
from trials.training.file_names import WEIGHTS

WEIGHTS_OF: Final = ("search", "retrain")
"""Commands that make weights of a network, by which those that are delivered can be chosen."""

_Z: Final = 1.96  # standard errors of a 95 % interval


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
    compared = alone if alone is not None and _same_training(alone, retrained) else retrained
    if network.int8_drop is None:  # both in fp32
        compared = replace(compared, int8=None)
    merit, int8 = compared.merit, compared.int8
    searched, searched_error = _searched(network, in_int8=int8 is not None)
    before = format_accuracy(searched, searched_error)
    if merit is not None:
        value, error = merit
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
