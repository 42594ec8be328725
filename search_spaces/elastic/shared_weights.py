"""`SharedWeights`: tensors that the networks of a space share, each network using a slice of each.

Cai et al., 2019, https://arxiv.org/abs/1908.09791 (kernels by their centre, channels and depth by a prefix), and
Yu et al., 2020, https://arxiv.org/abs/2003.11142 (one training for all of them).
"""

from collections import OrderedDict
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from search_spaces.architecture import Architecture
from search_spaces.building import build
from search_spaces.elastic.block_weights import Weight
from search_spaces.elastic.slices import Parts, Slice, slice_of
from search_spaces.elastic.templates import Template, Templates
from search_spaces.errors import ArchitectureError, SpaceError
from search_spaces.space import SearchSpace

_MOST_NETWORKS: Final = 256  # templates that are kept


class SharedWeights(nn.Module):
    """The shared tensors of a space.

    Args:
        space: Space whose networks share weights.
        num_classes: Class scores of the head.
        in_channels: Channels of an image.
        seed: Seed of the initial weights, at least 0.

    Attributes:
        tensors: The shared tensors by name.
        layers: Class of the layer that each stands in, by name.
    """

    def __init__(self, space: SearchSpace, *, num_classes: int, in_channels: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.space: Final = space
        self.num_classes: Final = num_classes
        self.in_channels: Final = in_channels
        self.templates: Final = Templates(space, num_classes=num_classes, in_channels=in_channels)
        self._networks: OrderedDict[Architecture, tuple[Template, dict[str, Slice]]] = OrderedDict()
        largest = largest_networks(self.templates, space)
        self._parts: dict[str, tuple[Parts, ...]] = {}
        self.layers: dict[str, type[nn.Module]] = {}
        for architecture in largest:
            for weight in self.templates.of(architecture).weights.values():
                self._grow(weight)
        self.tensors = nn.ParameterDict(
            {key: torch.empty(tuple(map(sum, parts))) for key, parts in self._parts.items()}
        )
        self._initialise(largest, seed)

    def forward(self, architecture: Architecture, x: Tensor) -> Tensor:
        """Return the class scores of a network of the space, [b, c, r, r] -> [b, classes].

        Batch norms use the statistics of the batch. Gradients reach the shared tensors.
        """
        template, slices = self._network(architecture)
        weights = {path: part.of(self.tensors[part.key]) for path, part in slices.items()}
        buffers = {path: buffer.to(x.device) for path, buffer in template.buffers.items()}
        template.module.train(self.training)
        scores: Tensor = functional_call(template.module, {**weights, **buffers}, (x,))
        return scores

    def slices(self, architecture: Architecture) -> dict[str, Slice]:
        """Return where each weight of a network lies, by its path in the built network.

        Raises:
            ArchitectureError: if the space does not hold the network.
        """
        return self._network(architecture)[1]

    @torch.no_grad()
    def module(self, architecture: Architecture) -> nn.Module:
        """Return an ordinary network with copies of its weights, as `search_spaces.build` returns it.

        The statistics of its batch norms are those of a new network: re-estimate them before it is used.
        """
        slices = self.slices(architecture)
        with torch.random.fork_rng(devices=[]):
            network = build(architecture, num_classes=self.num_classes, in_channels=self.in_channels)
        for path, weight in network.named_parameters():
            part = slices[path]
            weight.data = (
                part.of(self.tensors[part.key]).detach().clone(memory_format=torch.contiguous_format)
            )
        device = next(self.parameters()).device
        return network.to(device)

    def _network(self, architecture: Architecture) -> tuple[Template, dict[str, Slice]]:
        found = self._networks.get(architecture)
        if found is None:
            if not self.space.contains(architecture):
                raise ArchitectureError(
                    f"The shared weights are of the space '{self.space.name}', which does not hold the architecture "
                    f"{architecture.fingerprint}: expected one of its networks."
                )
            template = self.templates.of(architecture)
            slices = {path: self._slice(path, weight) for path, weight in template.weights.items()}
            found = self._networks[architecture] = (template, slices)
            if len(self._networks) > _MOST_NETWORKS:
                self._networks.popitem(last=False)
        else:
            self._networks.move_to_end(architecture)
        return found

    def _slice(self, path: str, weight: Weight) -> Slice:
        try:
            return slice_of(weight.key, self._parts[weight.key], weight.parts, kernel_from=weight.kernel_from)
        except (KeyError, ValueError) as error:
            raise SpaceError(
                f"The weight '{path}' of a network in '{self.space.name}' is no part of the largest one's: {error}. "
                f"Name what nests in its block or mixer (nested), and the parts of the weight (segments)."
            ) from error

    def _grow(self, weight: Weight) -> None:
        """Let the shared tensor of a weight hold it."""
        known = self._parts.setdefault(weight.key, weight.parts)
        self.layers.setdefault(weight.key, weight.layer)
        if list(map(len, known)) != list(map(len, weight.parts)):
            raise SpaceError(
                f"The weights '{weight.key}' of '{self.space.name}' have the parts {known} and {weight.parts}: "
                f"expected as many in each network. Name what nests in its block or mixer (nested)."
            )
        self._parts[weight.key] = tuple(
            tuple(map(max, zip(a, b, strict=True))) for a, b in zip(known, weight.parts, strict=True)
        )

    @torch.no_grad()
    def _initialise(self, largest: list[Architecture], seed: int) -> None:
        """Set each tensor as torch initialises that weight of the largest network that has it."""
        unset = set(self._parts)
        for number, architecture in enumerate(largest):
            slices = self._network(architecture)[1]
            if not any(part.key in unset for part in slices.values()):
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
                f"The weight '{min(unset)}' is largest in no network of '{self.space.name}': expected sizes that grow "
                f"with each choice. Name what nests in its block or mixer (nested)."
            )


def largest_networks(templates: Templates, space: SearchSpace) -> list[Architecture]:
    """Return networks that together hold the largest form of every weight, the widest first."""
    codes = space.codes
    items = [
        [menu.index(item) for item in stage.largest]
        for stage, menu in zip(templates.stages, codes.menus, strict=True)
    ]
    found: dict[Architecture, None] = {}
    for width in reversed(range(len(space.width))):
        for number in range(max(map(len, items))):
            row = [0, width, len(space.conv_depth) - 1, len(space.attention_depth) - 1]
            row += [choices[number % len(choices)] for choices in items]
            found[codes.at(np.array(row, dtype=np.int64))] = None
    return list(found)
