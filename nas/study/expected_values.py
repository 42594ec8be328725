"""Stores what an evaluator expects of networks with their study: evidence, and never a measurement."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import optuna

from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError, StudyError
from search_spaces.space import SearchSpace

_EXPECTED: Final = "nas:expected"
_VERSION: Final = 1

SUPERNET_FOLDER: Final = "supernet"
"""Folder of a supernet's checkpoint, weights and readings among the files of its study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedValues:
    """What is expected of networks before they are trained.

    Attributes:
        source: Where it comes from, in words, for example ``supernet``.
        codes: Networks as rows of codes of the space.
        values: What is expected of each, higher is better; compares with other expected values alone.
        budgets: Budgets of the networks.
        about: What more is known of the source, as JSON has it.
    """

    source: str
    codes: list[list[int]]
    values: list[float]
    budgets: tuple[str, ...]
    about: Mapping[str, Any]

    def of(self, space: SearchSpace, architecture: Architecture) -> float | None:
        """Return what is expected of a network, None if nothing is."""
        try:
            code = space.codes.code_of(architecture).tolist()
        except ArchitectureError:
            return None
        return next((v for row, v in zip(self.codes, self.values, strict=True) if row == code), None)

    def record(self, study: str, space: SearchSpace) -> dict[str, Any]:
        """Return it as `nas.study.earlier_studies` keeps the networks of a study."""
        return {
            "version": _VERSION,
            "study": study,
            "name": self.source,
            "budgets": list(self.budgets),
            "points": [space.codes.slots(np.array(row, dtype=np.int64)) for row in self.codes],
            "values": self.values,
            "fidelity": [1.0] * len(self.values),
            "networks": list(range(len(self.values))),
            "additive": True,  # as a sum over layers the readings of shared weights rank networks best
        }

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version."""
        return {
            "version": _VERSION,
            "source": self.source,
            "codes": self.codes,
            "values": self.values,
            "budgets": list(self.budgets),
            "about": dict(self.about),
        }


def store_expected(study: optuna.Study, expected: ExpectedValues) -> None:
    """Store what is expected of networks with a study."""
    study.set_user_attr(_EXPECTED, expected.to_json())


def expected_values(user_attrs: Mapping[str, Any]) -> ExpectedValues | None:
    """Return what a study with these attributes expects of networks; None if it has not got so far.

    Raises:
        StudyError: if another version wrote it.
    """
    stored = user_attrs.get(_EXPECTED)
    if stored is None:
        return None
    if stored["version"] != _VERSION:
        raise StudyError(
            f"What the study expects of networks was written in format {stored['version']!r}: this version "
            f"reads {_VERSION}. Go on with the version that began it."
        )
    return ExpectedValues(
        source=stored["source"],
        codes=stored["codes"],
        values=stored["values"],
        budgets=tuple(stored["budgets"]),
        about=stored["about"],
    )
