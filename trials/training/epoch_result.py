"""The result of one epoch: accuracy, other metrics and their standard errors, losses, seconds."""

from dataclasses import asdict, dataclass
from typing import Any


def error_key(metric: str) -> str:
    """Return the name under which the standard error of a metric stands beside it."""
    return "standard_error" if metric == "accuracy" else f"{metric}_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    """Validation metrics after one epoch, with losses and times.

    Attributes:
        epoch: Number of the epoch, from 1.
        accuracy: Share of validation images classified correctly, in [0, 1].
        standard_error: Standard error of `accuracy`, see `trials.training.evaluation.Scores`, in (0, 0.5].
        loss: Mean cross-entropy over the validation images, in nats.
        train_loss: Mean training loss over the epoch, as the recipe defines it, in nats.
        seconds: Wall time of training and evaluation in this epoch.
        final: Whether this is the recipe's last epoch.
        balanced_accuracy: Mean recall over the classes, in [0, 1], if computed.
        macro_f1: Mean F1 score over the classes, in [0, 1], if computed.
        balanced_accuracy_error: Standard error of `balanced_accuracy`.
        macro_f1_error: Standard error of `macro_f1`.
        waited_seconds: Part of `seconds` spent waiting for latency measurements on this host.
        soup: Epochs whose mean weights these are, 0 where validation images showed the last epoch alone to be
            better; None where the recipe has no ``soup_epochs``.
        new_parameters: Share of the parameters that could not be inherited of a donor; None without one.
        batch_size: Images in a step, where the recipe left that to the memory of the device.
        int8: Scores of the int8 form after the last epoch by name, see `trials.training.int8_evaluation`;
            None where the training asks for none.
    """

    epoch: int
    accuracy: float
    standard_error: float
    loss: float
    train_loss: float
    seconds: float
    final: bool
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    balanced_accuracy_error: float | None = None
    macro_f1_error: float | None = None
    waited_seconds: float = 0.0
    batch_size: int | None = None
    soup: int | None = None
    new_parameters: float | None = None
    int8: dict[str, float] | None = None

    def of(self, metric: str) -> tuple[float | None, float | None]:
        """Return the value and standard error of a metric, one of `trials.training.evaluation.METRICS`."""
        return getattr(self, metric), getattr(self, error_key(metric))

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "EpochResult":
        """Return the result whose `to_json` is `fields`."""
        return cls(**fields)
