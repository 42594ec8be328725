"""Stores what is expected of the networks of a study, so that commands read it without fitting a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import optuna

_POSTERIOR: Final = "nas:posterior"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class StoredPosterior:
    """What is expected of networks that were trained to the end.

    Attributes:
        values: Posterior mean and standard deviation by trial.
        line: Slope and level of the straight line of the means over the networks' own values, and the largest
            standard deviation: what is expected of networks that ended since, so that no value that was not
            shrunk is compared with the others. None in studies that have not stored it.
    """

    values: Mapping[int, tuple[float, float]]
    line: tuple[float, float, float] | None = None

    def of(self, trial: int, value: float | None = None) -> tuple[float | None, float | None]:
        """Return mean and standard deviation of a network, None where they are not known.

        Args:
            trial: Number of its trial, trained to the end.
            value: Its own value, in [0, 1].
        """
        if trial in self.values or self.line is None or value is None:
            return self.values.get(trial, (None, None))
        slope, level, deviation = self.line
        return min(max(level + slope * value, 0.0), 1.0), deviation


def store(study: optuna.Study, posterior: StoredPosterior) -> None:
    """Store the posterior of a study; the latest counts."""
    rounded = {str(n): [round(mean, 6), round(sd, 6)] for n, (mean, sd) in posterior.values.items()}
    line = None if posterior.line is None else [round(number, 6) for number in posterior.line]
    study.set_user_attr(_POSTERIOR, {"version": VERSION, "networks": rounded, "line": line})


def posterior_of(user_attrs: Mapping[str, Any]) -> StoredPosterior:
    """Return the posterior among the attributes of a study, empty in studies that have not stored one."""
    record = user_attrs.get(_POSTERIOR, {})
    if record.get("version") != VERSION:
        return StoredPosterior({})
    line = record.get("line")
    return StoredPosterior(
        {int(n): (mean, sd) for n, (mean, sd) in record["networks"].items()},
        None if line is None else (line[0], line[1], line[2]),
    )
