"""Writes the weights of a trained network with all that is needed to use them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from search_spaces.architecture import Architecture
from trials.images.splits import Splits
from trials.training.atomic_writing import write_atomically
from trials.training.checksum import write_checksum


def write_weights(
    path: Path,
    network: nn.Module,
    splits: Splits,
    architecture: Architecture,
    *,
    donor: Mapping[str, Any] | None = None,
) -> None:
    """Write the weights of `network` atomically as safetensors, with a checksum file beside it.

    Everything needed to use them is JSON in the metadata's only key, ``network``; with several keys
    the order, and so the file's hash, would change from run to run.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    metadata = {
        "architecture": json.loads(architecture.to_json()),
        "classes": splits.classes,
        "mean": splits.mean,
        "std": splits.std,
        "images": splits.fingerprint,
        **({} if donor is None else {"donor": donor}),
    }
    write_atomically(path, save(tensors, metadata={"network": json.dumps(metadata, sort_keys=True)}))
    write_checksum(path)
