"""`Narrowing`: lets a step see only those entries of shared tensors that its networks use.

A tensor without a gradient is skipped by torch's optimisers. Where the networks of a step use a part of a
tensor, the rest of it would still decay and be moved by its momentum, once for each step of other networks:
choices that come rarely would be worn down by those that come often (a momentum for each choice; Jeon et al.,
2025, https://arxiv.org/abs/2503.10740). And each step on a narrow network would cost as much as one on the
widest. So for the time of a step the tensor, and the optimiser's state of it, are replaced by the part that
is used, and put back afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn, optim

from search_spaces.architecture import Architecture
from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.elastic.slices import Slice, cover_of


class Narrowing:
    """Narrows shared tensors and the state that an optimiser has of them.

    Args:
        shared: The shared weights.
        optimiser: Optimiser of all of their tensors.
    """

    def __init__(self, shared: SharedWeights, optimiser: optim.Optimizer) -> None:
        self._shared, self._optimiser = shared, optimiser

    @contextmanager
    def narrowed(self, networks: Sequence[Architecture]) -> Iterator[Mapping[str, Slice]]:
        """Narrow what the networks use in part, and yield which part of each such tensor is there.

        What an optimiser's step inside the ``with`` block changes is kept; after an error nothing is.
        """
        slices = self._partly_used(networks)
        covers = {key: cover_of(parts) for key, parts in slices.items()}
        tensors = {key: self._shared.tensors[key] for key in covers}
        states = {key: self._state(tensors[key]) for key in covers}
        full = {key: tensor.data for key, tensor in tensors.items()}
        try:
            for key, cover in covers.items():
                tensors[key].data = _copy(full[key], cover)
                for name, value in states[key].items():
                    self._optimiser.state[tensors[key]][name] = _copy(value, cover)
            yield covers
            for key, parts in slices.items():
                for name, value in self._state(tensors[key]).items():
                    if name not in states[key]:  # the optimiser's first step on this tensor
                        states[key][name] = torch.zeros_like(full[key])
                    _put(states[key][name], parts, value, covers[key])
                _put(full[key], parts, tensors[key].data, covers[key])
        finally:
            for key, tensor in tensors.items():
                tensor.data, tensor.grad = full[key], None
                if states[key] or tensor in self._optimiser.state:
                    self._optimiser.state[tensor].update(states[key])

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
        return {key: list(parts) for key, parts in used.items() if key not in whole}

    def _state(self, tensor: nn.Parameter) -> dict[str, Tensor]:
        """Return the parts of the optimiser's state that have an entry for each of the tensor's."""
        state = self._optimiser.state.get(tensor, {})
        return {
            name: value
            for name, value in state.items()
            if isinstance(value, Tensor) and value.shape == tensor.shape
        }


def _copy(tensor: Tensor, part: Slice) -> Tensor:
    return part.of(tensor).clone()


@torch.no_grad()
def _put(full: Tensor, parts: Sequence[Slice], narrow: Tensor, cover: Slice) -> None:
    """Copy parts of a narrow tensor, which is the cover of them, to where they lie in the full one."""
    for part in parts:
        part.put(full, part.within(cover).of(narrow))
