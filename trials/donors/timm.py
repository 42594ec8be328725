"""Donors from timm's collection, ``timm:NAME``, downloaded through timm where its hub can be reached."""

from typing import ClassVar

from typing_extensions import override

from trials.donors import DonorSource
from trials.pretrained.donor import Donor
from trials.pretrained.timm_hub import timm_donor


class TimmModel(DonorSource):
    """A model by its name in timm, with its tag if it has several weights."""

    rank: ClassVar[int] = 0
    expects: ClassVar[str] = "timm:NAME"

    @override
    def takes(self, source: str) -> bool:
        return source.startswith("timm:")

    @override
    def open(self, source: str) -> Donor:
        return timm_donor(source.removeprefix("timm:"), source)


DONOR = TimmModel()
