"""`Donor`: a network with trained weights that others begin with or learn from, wherever it comes from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from search_spaces.architecture import Architecture
from search_spaces.building import build


@dataclass(frozen=True, kw_only=True, eq=False)
class Donor:
    """A trained network in the terms of this project.

    Attributes:
        source: The text that named it.
        architecture: Its architecture; its resolution is that of its training.
        weights: Parameters and buffers by the names of our networks, on the CPU.
        mean: Mean of each channel that is subtracted from pixels in [0, 1]; None if unknown.
        std: Standard deviation of each channel by which pixels are then divided; None if unknown.
        classes: Names of its classes in the order of its scores; empty if unknown.
        published: Name of the published network that it is; None if it is none.
        licence: Licence of the weights as their source states it; None if it states none.
        origin: Where the weights come from, in words.
        resizing: How its training resized images, in words; None if unknown.
        notes: Guesses that were made, one sentence each.
        seen_validation: Fingerprint of the data set whose validation images it learnt from too; None for none
            that is known.
    """

    source: str
    architecture: Architecture
    weights: Mapping[str, Tensor] = field(repr=False)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: tuple[str, ...] = ()
    published: str | None = None
    licence: str | None = None
    origin: str = ""
    resizing: str | None = None
    notes: tuple[str, ...] = ()
    seen_validation: str | None = None

    @property
    def num_classes(self) -> int:
        """Number of class scores of its head."""
        return self.weights["head.weight"].shape[0]

    @property
    def in_channels(self) -> int:
        """Channels of its images."""
        return self.weights["stem.0.weight"].shape[1]

    def network(self) -> nn.Module:
        """Return the network with its weights in evaluation mode, normalised images -> scores."""
        with torch.random.fork_rng(devices=[]):
            network = build(self.architecture, num_classes=self.num_classes, in_channels=self.in_channels)
        network.load_state_dict(dict(self.weights))
        return network.eval()

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that donors of the same architecture and weights share."""
        found = hashlib.sha256(self.architecture.to_json().encode())
        for name, tensor in sorted(self.weights.items()):
            found.update(name.encode())
            found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return found.hexdigest()[:16]
