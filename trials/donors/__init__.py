"""Donors: trained networks that others begin with or learn from, one file for each kind of source.

A file binds ``DONOR``; an entry point of the group ``trials.donors`` adds one from another package.
`open_donor` asks each whether it takes a text, in the order of their `DonorSource.rank`.

    donor = open_donor("timm:mobilenetv3_small_100")  # or my_net/, efficientnet_lite0_224, x.safetensors
    network = donor.network()  # in evaluation mode, for images normalised by donor.mean and donor.std
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Final

from search_spaces.errors import WeightsError, did_you_mean
from search_spaces.published import references
from search_spaces.shelf import Shelf
from trials.pretrained.donor import Donor

__all__ = ["DONORS", "Donor", "DonorSource", "is_source", "open_donor"]


class DonorSource(ABC):
    """A kind of places that trained networks come from."""

    rank: ClassVar[int] = 50
    """Whom `open_donor` asks first: the lowest."""

    expects: ClassVar[str]
    """What texts it takes, in words, for messages."""

    @abstractmethod
    def takes(self, source: str) -> bool:
        """Return whether a text names something of this kind, without opening it."""

    @abstractmethod
    def open(self, source: str) -> Donor:
        """Return the trained network that a text names.

        Raises:
            WeightsError: if it cannot be read or reached, or is of no architecture that is known.
        """


DONORS: Final[Shelf[DonorSource]] = Shelf(__name__, "DONOR", "kind of donor", DonorSource)


def is_source(source: str) -> bool:
    """Return whether a text names something that `open_donor` takes."""
    return any(DONORS[name].takes(source) for name in DONORS)


def open_donor(source: str) -> Donor:
    """Return the trained network that a text names.

    Args:
        source: ``timm:NAME``, a published network such as ``efficientnet_lite0_224``, a ``.pth`` or
            ``.safetensors`` file, or an export folder. `nas.orchestration.donor_source` also reads
            ``STUDY#12``.

    Raises:
        WeightsError: if there is none, or it cannot be used; the message says what was expected.
    """
    kinds = sorted((DONORS[name] for name in DONORS), key=lambda kind: kind.rank)
    for kind in kinds:
        if kind.takes(source):
            return kind.open(source)
    near = did_you_mean(source, references())
    raise WeightsError(
        f"Found no weights called '{source[:80]}'.{near} Expected {', '.join(k.expects for k in kinds)}."
    )
