"""`SharedWeights`: tensors that the networks of a space share, each network using a slice of each.

Kernels are cropped at the centre, channels and depth are a prefix (Once-for-all; Cai et al., 2019,
https://arxiv.org/abs/1908.09791), and all networks are trained at once (BigNAS; Yu et al., 2020,
https://arxiv.org/abs/2003.11142).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from search_spaces.architecture import Architecture
from search_spaces.building import build
from search_spaces.elastic.block_weights import BATCH_NORMS
from search_spaces.elastic.layout import SharedLayout
from search_spaces.elastic.report import Sharing, sharing_of
from search_spaces.elastic.slices import Slice
from search_spaces.errors import SpaceError
from search_spaces.space import SearchSpace


class SharedWeights(nn.Module):
    """The shared tensors of a space.

    Args:
        space: Space whose networks share weights.
        num_classes: Class scores of the head.
        in_channels: Channels of an image.
        seed: Seed of the initial weights, at least 0.

    Attributes:
        space: The space.
        num_classes: Class scores of the head.
        in_channels: Channels of an image.
        layout: Names and sizes of the shared tensors.
        tensors: The shared tensors by name.

    Raises:
        SpaceError: if a block or mixer says wrongly how its weights nest.
    """

    def __init__(self, space: SearchSpace, *, num_classes: int, in_channels: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.space: Final = space
        self.num_classes: Final = num_classes
        self.in_channels: Final = in_channels
        self.layout: Final = SharedLayout(space, num_classes=num_classes, in_channels=in_channels)
        self.tensors: Final = nn.ParameterDict({k: torch.empty(s) for k, s in self.layout.shapes.items()})
        self._initialise(seed)

    def forward(
        self, architecture: Architecture, x: Tensor, present: Mapping[str, Slice] | None = None
    ) -> Tensor:
        """Return the class scores of a network of the space, [b, c, r, r] -> [b, classes].

        Batch norms use the statistics of the batch. Gradients reach the shared tensors.

        Args:
            architecture: The network.
            x: Normalised images.
            present: Which part of a shared tensor is present, for tensors of which not all is.

        Raises:
            ArchitectureError: if the space does not hold the network.
        """
        template, slices = self.layout.network(architecture)
        present = present or {}
        weights = {}
        for path, part in slices.items():
            there = present.get(part.key)
            weights[path] = (part if there is None else part.within(there)).of(self.tensors[part.key])
        weights |= {path: buffer.to(x.device) for path, buffer in template.buffers.items()}
        template.module.train(self.training)
        scores: Tensor = functional_call(template.module, weights, (x,))
        return scores

    def slices(self, architecture: Architecture) -> dict[str, Slice]:
        """Return where each weight of a network lies, by its path in the built network.

        Raises:
            ArchitectureError: if the space does not hold the network.
        """
        return self.layout.network(architecture)[1]

    def report(self) -> list[Sharing]:
        """Return for each choice of the space whether its values share weights."""
        return sharing_of(self.space)

    @torch.no_grad()
    def module(self, architecture: Architecture) -> nn.Module:
        """Return an ordinary network with copies of its weights, as `search_spaces.build` returns it.

        The statistics of its batch norms are those of a new network: re-estimate them before it is used.

        Raises:
            ArchitectureError: if the space does not hold the network.
        """
        template, slices = self.layout.network(architecture)
        with torch.device("meta"):  # without drawing weights that are not kept
            network = build(architecture, num_classes=self.num_classes, in_channels=self.in_channels)
        network.to_empty(device=next(self.parameters()).device)
        for module in network.modules():
            if isinstance(module, BATCH_NORMS):
                module.reset_running_stats()
        for path, buffer in template.buffers.items():
            network.get_buffer(path).copy_(buffer)
        for path, weight in network.named_parameters():
            weight.copy_(slices[path].of(self.tensors[slices[path].key]))
        return network

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        """Set each tensor as torch initialises that weight of the largest network that has it."""
        unset = set(self.tensors.keys())
        for number, architecture in enumerate(self.layout.largest):
            slices = self.slices(architecture)
            if not any(part.key in unset and part.whole for part in slices.values()):
                continue
            with torch.random.fork_rng(devices=[]):
                word = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
                torch.default_generator.manual_seed(int(word >> np.uint64(1)))
                network = build(architecture, num_classes=self.num_classes, in_channels=self.in_channels)
            for path, weight in network.named_parameters():
                part = slices[path]
                if part.key in unset and part.whole:
                    self.tensors[part.key].copy_(weight)
                    unset.remove(part.key)
        if unset:
            raise SpaceError(
                f"The weight '{min(unset)}' is largest in no network of '{self.space.name}': expected sizes "
                f"that grow with each choice. Say what nests in its block or mixer, as "
                f"search_spaces.options.Nesting describes."
            )
