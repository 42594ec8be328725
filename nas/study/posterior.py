"""Stores what is expected of the networks of a study, so that commands read it without fitting a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import optuna

_POSTERIOR: Final = "nas:posterior"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class StoredPosterior:
    """Posterior mean and standard deviation of the networks that were trained to the end, by trial."""

    values: Mapping[int, tuple[float, float]]

    def of(self, trial: int) -> tuple[float | None, float | None]:
        """Return mean and standard deviation of a network, None where they are not stored."""
        return self.values.get(trial, (None, None))


def store(study: optuna.Study, posterior: StoredPosterior) -> None:
    """Store the posterior of a study; the latest counts."""
    rounded = {str(n): [round(mean, 6), round(sd, 6)] for n, (mean, sd) in posterior.values.items()}
    study.set_user_attr(_POSTERIOR, {"version": VERSION, "networks": rounded})


def posterior_of(user_attrs: Mapping[str, Any]) -> StoredPosterior:
    """Return the posterior among the attributes of a study, empty in studies that have not stored one."""
    record = user_attrs.get(_POSTERIOR, {})
    if record.get("version") != VERSION:
        return StoredPosterior({})
    return StoredPosterior({int(n): (mean, sd) for n, (mean, sd) in record["networks"].items()})
