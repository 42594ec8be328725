"""Computes a batch's gradients, cut into micro-batches when the device runs out of memory."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, optim

from trials.training.out_of_memory import FittingParts

LossFunction: TypeAlias = Callable[..., Tensor]
"""Returns the mean loss of some rows of the tensors that `MicroBatches.backward` is given."""


class MicroBatches:
    """Accumulates gradients over as few micro-batches as fit into memory; remembers how many.

    Gradients of the micro-batches add up to those of the batch; only BatchNorm sees smaller batches.

    Args:
        loss_of: Loss of a part of a batch.
        optimiser: Optimiser of the parameters, whose gradients are reset.
        parts: Remembers how many fit; by default nothing is known yet.
    """

    def __init__(
        self, loss_of: LossFunction, optimiser: optim.Optimizer, parts: FittingParts | None = None
    ) -> None:
        self._loss_of, self._optimiser = loss_of, optimiser
        self._parts = FittingParts(torch.device("cpu")) if parts is None else parts

    def backward(self, *batch: Tensor, rewind: Callable[[], None] = lambda: None) -> Tensor:
        """Set the gradients of a batch and return its loss.

        Args:
            batch: Tensors with a row for each image.
            rewind: Puts generators that `loss_of` draws from back to where they were before the batch.

        Raises:
            OutOfMemoryError: if the device cannot hold the network even with the smallest part.
        """

        def forget() -> None:
            self._optimiser.zero_grad(set_to_none=True)
            rewind()

        self._optimiser.zero_grad(set_to_none=True)
        return self._parts.run(len(batch[0]), lambda count: self._summed(batch, count), after_failure=forget)

    def _summed(self, batch: tuple[Tensor, ...], count: int) -> Tensor:
        """Return the loss of a batch, backpropagated in `count` micro-batches."""
        total = torch.zeros((), device=self._parts.device)
        for part in zip(*(tensor.tensor_split(count) for tensor in batch), strict=True):
            loss = self._loss_of(*part) * (len(part[0]) / len(batch[0]))
            loss.backward()
            total += loss.detach()
        return total
