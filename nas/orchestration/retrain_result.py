"""Data class of what a retraining returned and what `nas retrain --json` prints."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from dashboards.metric_names import metric_name
from nas.study.delivered_weights import DeliveredWeights
from nas.study.retrained import Retrained
from search_spaces.units import format_accuracy

VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainResult:
    """The result of a retraining.

    Attributes:
        study: Name of the study.
        winner: The network that is delivered, trained on all but the test images or the best of `seeds`, and
            tested.
        compared: The few best after a longer training on the training images alone, best first by
            `Retrained.value`; none if only one was asked for.
        seeds: The trainings of the winner on the training images alone, one by each seed; none if one was
            asked for.
        seeds_mean: Their mean value on validation images and its standard error; None without them.
        metric: Metric of the search, of which all figures but `test_accuracy` are.
        delivered: ``retrain`` or ``search``: the weights of the winner that `nas export` delivers.
        reason: Why these, in words.
        advice: How the other weights are delivered or compared, in sentences; empty if there are none.
    """

    study: str
    winner: Retrained
    compared: tuple[Retrained, ...]
    seeds: tuple[Retrained, ...] = ()
    seeds_mean: tuple[float, float] | None = None
    metric: str = "accuracy"
    delivered: str = "retrain"
    reason: str = ""
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version, as ``--json`` prints them."""
        return {"version": VERSION, **asdict(self)}


def on_validation(retrained: Retrained, metric: str) -> str:
    """Return what a training reaches in a metric on validation images, in the form that is deployed."""
    value, error = retrained.value or (0.0, None)
    form = "" if retrained.int8 is None else " in int8"
    return f"{metric_name(metric)} {format_accuracy(value, error)}{form} on validation images"


def other_weights(weights: DeliveredWeights) -> str:
    """Return how the weights of a network that are not delivered are had or compared with those that are."""
    if not weights.others_kept:
        return ""
    found = f"--weights-of {'retrain' if weights.retrained is None else 'search'} delivers the others."
    if weights.compared:
        return found
    return (
        f"{found} No validation images were left to compare both: nas retrain --top 2 first trains the best "
        f"two without these."
    )
