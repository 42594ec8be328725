"""`PartialUpdates`: lets an optimiser step move only the entries of shared tensors that a step's networks use.

A tensor without a gradient is skipped by torch's optimisers. Where the networks of a step use a part of a
tensor, the rest of it would still decay and be moved by its momentum, once for each step of other networks:
choices that are used rarely would be worn down by those that are used often. Here it stays as it was, and so
does the optimiser's state of it (a momentum for each choice; Jeon et al., 2025,
https://arxiv.org/abs/2503.10740).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, optim

from search_spaces.architecture import Architecture
from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.elastic.slices import Slice


class PartialUpdates:
    """Steps an optimiser of shared tensors.

    Args:
        shared: The shared weights.
        optimiser: Optimiser of all of their tensors.
    """

    def __init__(self, shared: SharedWeights, optimiser: optim.Optimizer) -> None:
        self._shared, self._optimiser = shared, optimiser

    @torch.no_grad()
    def step(self, networks: Sequence[Architecture]) -> None:
        """Step the optimiser; entries that none of the networks uses stay as they are, and so does their state."""
        partly = self._partly_used(networks)
        before = [[entry.clone() for entry in self._entries(key)] for key in partly]
        self._optimiser.step()
        for (key, slices), old in zip(partly.items(), before, strict=True):
            now = self._entries(key)
            old += [torch.zeros_like(entry) for entry in now[len(old) :]]  # state that this step began
            for entry, kept in zip(now, old, strict=True):
                for box in (box for part in slices for box in part.boxes()):
                    kept[box] = entry[box]
                entry.copy_(kept)

    def _partly_used(self, networks: Sequence[Architecture]) -> dict[str, list[Slice]]:
        """Return the slices of each tensor that the networks use but not whole."""
        used: dict[str, dict[Slice, None]] = {}
        whole: set[str] = set()
        for network in networks:
            for part in self._shared.slices(network).values():
                if part.whole:
                    whole.add(part.key)
                else:
                    used.setdefault(part.key, {})[part] = None
        return {key: list(slices) for key, slices in used.items() if key not in whole}

    def _entries(self, key: str) -> list[Tensor]:
        """Return a tensor and the parts of its optimiser's state that have its shape."""
        tensor = self._shared.tensors[key]
        state = self._optimiser.state.get(tensor, {})
        held = [state[name] for name in sorted(state) if isinstance(state[name], Tensor)]
        return [tensor.data, *(value for value in held if value.shape == tensor.shape)]
