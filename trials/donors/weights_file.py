"""Donors from a file: weights of a trial or an export, or a checkpoint of a published network."""

import json
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from search_spaces.paths import expanded
from trials.donors import DonorSource
from trials.pretrained.donor import Donor
from trials.pretrained.donor_file import METADATA, unpacked
from trials.pretrained.matching import match
from trials.pretrained.state_file import SUFFIXES, read_state


class WeightsFile(DonorSource):
    """``.safetensors``, ``.pth`` and the like; only tensors are read."""

    rank: ClassVar[int] = 20
    expects: ClassVar[str] = "a .pth or .safetensors file"

    @override
    def takes(self, source: str) -> bool:
        return source.endswith(SUFFIXES)

    @override
    def open(self, source: str) -> Donor:
        state, texts = read_state(source)
        if METADATA in texts:
            return unpacked(source, state, json.loads(texts[METADATA]))
        return _of_published(source, state)


def _of_published(source: str, state: Mapping[str, Tensor]) -> Donor:
    found = match(state, source)
    mean, std = found.normalisation
    return Donor(
        source=source,
        architecture=found.architecture,
        weights=found.weights,
        mean=mean,
        std=std,
        published=found.published,
        origin=f"{expanded(source).resolve()}, with the names of {found.library}",
        notes=(
            *found.notes,
            f"The file does not say how images are normalised: by mean {_listed(mean)} and deviation "
            f"{_listed(std)}, as is usual for such weights of {found.published}.",
        ),
    )


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


DONOR = WeightsFile()
