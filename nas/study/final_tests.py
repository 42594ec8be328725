"""Stores what weights reached on the test images, and counts how often a study has looked at these images.

Nothing is ever chosen by these figures: whoever reads them often and chooses by them has no test images left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import optuna

from nas.study.naming import trial_folder
from trials.training.file_names import WEIGHTS

_TESTED: Final = "nas:test:"  # and the number of the trial, then a colon and the file of retrained weights
_READ: Final = "nas:test_read:"  # and the file of the weights that were evaluated
_RETRAINED: Final = "nas:retrained:"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestScores:
    """Figures of one network's weights on the test images.

    Attributes:
        values: Value and standard error by metric, in [0, 1]; ``accuracy`` is always there.
    """

    __test__ = False  # no test, whatever pytest makes of its name

    values: Mapping[str, tuple[float, float | None]]

    def of(self, metric: str) -> tuple[str, float, float | None]:
        """Return the metric of a search with its value and error, the accuracy where it was not kept."""
        name = metric if metric in self.values else "accuracy"
        return name, *self.values[name]

    def to_json(self) -> dict[str, Any]:
        """Return accuracy and standard error, and every metric under ``values``."""
        accuracy, error = self.values["accuracy"]
        values = {name: list(figures) for name, figures in self.values.items()}
        return {"accuracy": accuracy, "standard_error": error, "values": values}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "TestScores":
        """Return the scores whose `to_json` is `record`; earlier versions kept the accuracy alone."""
        alone = {"accuracy": (record["accuracy"], record["standard_error"])}
        return cls(values={**alone, **{k: (v, e) for k, (v, e) in record.get("values", {}).items()}})


def key_of(trial: int, weights: str) -> str:
    """Return the attribute that holds the test scores of a network's weights."""
    return f"{_TESTED}{trial}" + ("" if weights == f"{trial_folder(trial)}/{WEIGHTS}" else f":{weights}")


def note_read(study: optuna.Study, weights: str) -> None:
    """Store that some weights are evaluated on the test images; the same weights count once.

    Args:
        study: Study of the network.
        weights: Their file among the files of the study, with ``@int8`` for their quantised form.
    """
    study.set_user_attr(f"{_READ}{weights}", True)


def times_tested(user_attrs: Mapping[str, Any]) -> int:
    """Return how many weights of a study were evaluated on the test images, those of earlier versions too."""
    found = {key.removeprefix(_READ) for key in user_attrs if key.startswith(_READ)}
    for key, record in user_attrs.items():
        if key.startswith(_TESTED):
            trial, _, weights = key.removeprefix(_TESTED).partition(":")
            found.add(weights or f"{trial_folder(int(trial))}/{WEIGHTS}")
        if key.startswith(_RETRAINED) and record.get("test_accuracy") is not None:
            found.add(record["weights"])
    return len(found)
