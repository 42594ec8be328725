"""A donor as the bytes of a weights file, in the format of a trial's weights, and a donor read from one."""

import json
from collections.abc import Mapping
from typing import Any

from safetensors.torch import save
from torch import Tensor

from search_spaces.architecture import Architecture
from search_spaces.errors import UserError, WeightsError
from search_spaces.paths import expanded
from trials.pretrained.donor import Donor
from trials.pretrained.state_file import read_state

METADATA = "network"
"""The only key in the metadata of a trial's weights: JSON of everything that is needed to use them."""


def packed(donor: Donor) -> bytes:
    """Return the content of a weights file, equal for equal donors."""
    about = {
        "architecture": json.loads(donor.architecture.to_json()),
        "classes": donor.classes,
        "mean": donor.mean,
        "std": donor.std,
        "donor": donor_facts(donor),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in donor.weights.items()}
    return save(tensors, metadata={METADATA: json.dumps(about, sort_keys=True)})


def donor_facts(donor: Donor) -> dict[str, Any]:
    """Return what is to be known of a donor wherever something of it is used, as JSON has it."""
    return {
        "source": donor.source,
        "published": donor.published,
        "licence": donor.licence,
        "origin": donor.origin,
        "resizing": donor.resizing,
        "digest": donor.digest,
    }


def read_donor(path: str) -> Donor:
    """Return the donor in a file that `packed` made.

    Raises:
        WeightsError: if it cannot be read.
    """
    state, texts = read_state(path)
    return unpacked(path, state, json.loads(texts[METADATA]))


def unpacked(source: str, state: Mapping[str, Tensor], written: Mapping[str, Any]) -> Donor:
    """Return the donor in weights that say themselves what they are.

    Args:
        source: Path of the file.
        state: Its tensors.
        written: The JSON beside them.

    Raises:
        WeightsError: if they do not fit the architecture beside them.
    """
    try:
        before = written.get("donor") or {}
        donor = Donor(
            source=source,
            architecture=Architecture.from_json(written["architecture"]),
            weights=dict(state),
            mean=_numbers(written["mean"]),
            std=_numbers(written["std"]),
            classes=tuple(written["classes"]),
            published=before.get("published"),
            licence=before.get("licence"),
            origin=before.get("origin") or f"trained here: {expanded(source).resolve()}",
            resizing=before.get("resizing") or "to the network's side, bilinear",
        )
        donor.network()
    except (KeyError, TypeError, RuntimeError, UserError) as error:
        raise WeightsError(
            f"Cannot use the weights '{source}': they do not fit the architecture that stands beside them "
            f"({str(error)[:120]}). Expected the weights.safetensors of a trial."
        ) from error
    return donor


def _numbers(written: Any) -> tuple[float, ...] | None:
    return None if written is None else tuple(map(float, written))
