"""Runs a network in training as CUDA graphs, so that a small network does not wait for the host.

A network of a few million multiply-adds takes a GPU one or two milliseconds for a batch, and the host
twenty to start its hundreds of kernels one by one. A CUDA graph starts them all at once; the same kernels
compute the same values (https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from trials.training.recipe import Recipe

_MOST: Final = 8  # graphs; each holds the activations of a batch
_PAYS_AFTER: Final = 300
"""Batches of a shape that take the host as long as their capture; as many are seen first where it is not sure
that more will come."""
_log = logging.getLogger(__name__)
_Key = tuple[torch.Size, tuple[bool, ...]]


def batches_before_capture(recipe: Recipe, images: int) -> int:
    """Return how many batches of a shape a training sees before it captures them: one if that surely pays.

    Sure are the batches up to the first rung, after which a training may be stopped.

    Args:
        recipe: Recipe of the training.
        images: Training images.
    """
    (first, *_) = recipe.rungs or (recipe.epochs,)
    epochs = 1 if recipe.sides else first  # a side may last for a part of the training
    sure = epochs * (min(images, recipe.epoch_images or images) // recipe.batch_size)
    return 1 if sure > _PAYS_AFTER else _PAYS_AFTER


class GraphedNetwork:
    """A network whose steps in training replay a graph once it has seen some batches of a shape.

    The first batch of each shape shows whether it fits into memory, and whether the network draws random
    numbers on the host, which a graph would draw once for all. Such a network, and one that cannot be
    captured, is computed without graphs, which is logged. So is every batch on a CPU.

    Args:
        network: Network on its device; its parameters and buffers stay where they are.
        after: Batches of a shape before it is captured, at least 1.
    """

    def __init__(self, network: nn.Module, after: int = _PAYS_AFTER) -> None:
        self._network = network
        self._after = after
        self._graphs: dict[_Key, Callable[[Tensor], Tensor]] = {}
        self._seen: Counter[_Key] = Counter()
        self._reason: str | None = None
        self._pool: Any = None

    def __call__(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b k"]:
        """Return what the network, in training mode, returns for a whole batch.

        The result is valid until the next call.
        """
        if images.device.type != "cuda" or self._reason is not None:
            return self._plainly(images)
        key = images.shape, tuple(p.requires_grad for p in self._network.parameters())
        graph = self._graphs.get(key)
        if graph is not None:
            return graph(images)
        self._seen[key] += 1
        if self._seen[key] == 1:
            return self._watched(images)
        if self._seen[key] == self._after + 1 and len(self._graphs) < _MOST and any(key[1]):
            self._capture(key, images)
        return self._graphs.get(key, self._plainly)(images)

    def _plainly(self, images: Tensor) -> Tensor:
        logits: Tensor = self._network(images)
        return logits

    def _watched(self, images: Tensor) -> Tensor:
        """Return what the network returns, and note whether it drew random numbers on the host."""
        before = _host_randomness()
        logits = self._plainly(images)
        if _host_randomness() != before:
            self._give_up("it draws random numbers on the host")
        return logits

    def _capture(self, key: _Key, images: Tensor) -> None:
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        alone, sample = _Alone(self._network), images.detach().clone()
        # The graph was captured in a stream of its own, which gradients are added up after in any case.
        torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
        try:
            with _unchanged(self._network, images.device):
                graph: Any = torch.cuda.make_graphed_callables(
                    alone, (sample,), allow_unused_input=True, pool=self._pool
                )
            self._graphs[key] = graph
        except Exception as error:  # of any operation that a graph cannot hold
            self._give_up(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")

    def _give_up(self, reason: str) -> None:
        _log.info("The network is trained without CUDA graphs: %s", reason)
        self._reason = reason
        self._graphs.clear()


class _Alone(nn.Module):
    """Calls a network; a graph changes this module's method, not the network's."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @override
    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits


@contextmanager
def _unchanged(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Put buffers and the device's generator back to what they were: capturing runs the network."""
    buffers = [buffer.clone() for buffer in network.buffers()]
    state = torch.cuda.get_rng_state(device)
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in zip(network.buffers(), buffers, strict=True):
                buffer.copy_(before)
        torch.cuda.set_rng_state(state, device)


def _host_randomness() -> tuple[bytes, object, str]:
    """Return the state of the generators of torch, Python and NumPy on the host."""
    of_numpy = np.random.get_state(legacy=False)  # noqa: NPY002 the global one, which networks may draw from
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), repr(of_numpy)
