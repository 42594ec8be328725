"""Data class of what a retraining returned and what `nas retrain --json` prints."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from nas.study.retrained import Retrained

VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainResult:
    """The result of a retraining.

    Attributes:
        study: Name of the study.
        winner: The network that is delivered, trained on all but the test images, and tested.
        compared: The few best after a longer training on the training images alone, best first; none if
            only one was asked for.
        metric: Metric of the search, of which all figures but `test_accuracy` are.
        delivered: ``retrain`` or ``search``: the weights of the winner that `nas export` delivers.
        reason: Why these, in words.
    """

    study: str
    winner: Retrained
    compared: tuple[Retrained, ...]
    metric: str = "accuracy"
    delivered: str = "retrain"
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version, as ``--json`` prints them."""
        return {"version": VERSION, **asdict(self)}
