"""Stores with a study which trained weights its networks begin with, and how these had images normalised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import optuna

from nas.study.compared_training import training_of
from nas.study.study import Attributed, images_of

DONOR_FILE: Final = "donor.safetensors"
"""File of a study with the weights of which its networks inherit, see `trials.pretrained.donor_file`."""

DONORS_FOLDER: Final = "donors"
"""Folder of a comparison with the weights that its networks begin with."""

RANDOM: Final = "random"
"""Source of weights that stands for none, where networks begin with trained ones otherwise."""

_DONOR: Final = "nas:donor"
_DONORS: Final = "nas:donors"  # of a comparison, by digest


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


def keep_donors(study: optuna.Study, facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Store what is to be known of the weights that networks of a comparison begin with.

    Args:
        study: The comparison.
        facts: By the digest in the key of a training, with the digest of the weights in the files.
    """
    stored = {**study.user_attrs.get(_DONORS, {}), **{digest: dict(one) for digest, one in facts.items()}}
    if facts and stored != study.user_attrs.get(_DONORS):
        study.set_user_attr(_DONORS, stored)


def has_donors(study: Attributed) -> bool:
    """Return whether networks of a search or comparison begin with trained weights."""
    return _DONOR in study.user_attrs or _DONORS in study.user_attrs


def donor_of_network(study: optuna.Study, trial: int) -> DonorFacts | None:
    """Return what is known of the weights that a network of a search or comparison begins with.

    Args:
        study: The study.
        trial: Number of the network's trial.

    Returns:
        None for random weights.
    """
    key = training_of(study.get_trials(deepcopy=False)[trial]) if _DONORS in study.user_attrs else None
    stored = None if key is None else study.user_attrs[_DONORS].get(key.weights)
    return donor_of(study) if stored is None else DonorFacts(**stored)


def donor_file_of(study: optuna.Study, trial: int) -> str:
    """Return the file of a study with the weights that a network begins with."""
    facts = donor_of_network(study, trial) if _DONORS in study.user_attrs else None
    return DONOR_FILE if facts is None else donor_file(facts.digest)


def donor_file(digest: str) -> str:
    """Return the file, among those of a comparison, of weights that a network begins with."""
    return f"{DONORS_FOLDER}/{digest}.safetensors"


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
