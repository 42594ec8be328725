"""Donors from a file: weights of a trial or an export, or a checkpoint of a published network."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor
from typing_extensions import override

from search_spaces.architecture import Architecture
from search_spaces.errors import UserError, WeightsError
from search_spaces.paths import expanded
from trials.donors import DonorSource
from trials.pretrained.donor import Donor
from trials.pretrained.matching import match
from trials.pretrained.state_file import SUFFIXES, read_state
from trials.pretrained.usual_preprocessing import usual_preprocessing


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
        written = json.loads(texts["network"]) if "network" in texts else None
        return _of_trial(source, state, written) if written else _of_published(source, state)


def _of_trial(source: str, state: Mapping[str, Tensor], written: Mapping[str, Any]) -> Donor:
    """Return the donor in the weights of a trial, which say themselves what they are."""
    try:
        architecture = Architecture.from_json(written["architecture"])
        donor = Donor(
            source=source,
            architecture=architecture,
            weights=dict(state),
            mean=tuple(written["mean"]),
            std=tuple(written["std"]),
            classes=tuple(written["classes"]),
            resizing="to the network's side, bilinear",
            licence=written.get("licence"),
            origin=f"trained here: {expanded(source).resolve()}",
        )
        donor.network()
    except (KeyError, TypeError, RuntimeError, UserError) as error:
        raise WeightsError(
            f"Cannot use the weights '{source}': they do not fit the architecture that stands beside them "
            f"({str(error)[:120]}). Expected the weights.safetensors of a trial."
        ) from error
    return donor


def _of_published(source: str, state: Mapping[str, Tensor]) -> Donor:
    found = match(state, source)
    mean, std = usual_preprocessing(found.published)
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
            f"{_listed(std)}, as is usual for {found.published}.",
        ),
    )


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


DONOR = WeightsFile()
