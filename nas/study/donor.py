"""Stores with a study which trained weights its networks begin with, and how these had images normalised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import optuna

from nas.study.study import Attributed, images_of

DONOR_FILE: Final = "donor.safetensors"
"""File of a study with the weights of which its networks inherit, see `trials.pretrained.donor_file`."""

DONORS_FOLDER: Final = "donors"
"""Folder of a comparison with the weights that its networks begin with."""

_DONOR: Final = "nas:donor"


@dataclass(frozen=True, slots=True, kw_only=True)
class DonorFacts:
    """What is to be known of the weights that networks begin with.

    Attributes:
        source: The source as it was typed.
        published: Name of the published network that they are of; None for none.
        licence: Their licence as the source states it; None if it states none.
        origin: Where they come from, in words.
        resizing: How their training resized images, in words; None if unknown.
        digest: Changes when they do.
    """

    source: str
    published: str | None
    licence: str | None
    origin: str
    resizing: str | None
    digest: str

    @property
    def line(self) -> str:
        """The source, where it comes from and its licence, in words."""
        return f"{self.source} ({self.origin}; licence {self.licence or 'not stated'})"


def keep_donor(study: optuna.Study, facts: Mapping[str, Any]) -> None:
    """Store what is to be known of the weights that the networks of a study begin with."""
    if _DONOR not in study.user_attrs:
        study.set_user_attr(_DONOR, dict(facts))


def donor_of(study: Attributed) -> DonorFacts | None:
    """Return what is known of the weights that networks of a study begin with; None for random ones."""
    stored = study.user_attrs.get(_DONOR)
    return None if stored is None else DonorFacts(**stored)


def normalisation_of(study: Attributed) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return mean and deviation of each channel that a study took over of its donor; None for none."""
    if donor_of(study) is None:
        return None
    images = images_of(study)
    return tuple(images["mean"]), tuple(images["std"])
