"""Computes a batch's gradients, cut into micro-batches when the device runs out of memory."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import torch
from torch import Tensor, optim

from trials.training.errors import OutOfMemoryError

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Returns the mean loss of images [b, c, h, w] and their targets."""


class MicroBatches:
    """Accumulates gradients over as few micro-batches as fit into memory; remembers how many.

    Gradients of the micro-batches add up to those of the batch; only BatchNorm sees smaller batches.

    Args:
        loss_of: Loss of some images and targets.
        optimiser: Optimiser of the parameters, whose gradients are reset.
    """

    def __init__(self, loss_of: LossFunction, optimiser: optim.Optimizer) -> None:
        self._loss_of, self._optimiser = loss_of, optimiser
        self._count = 1

    def backward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Set the gradients of a batch and return its loss.

        Raises:
            OutOfMemoryError: if the device cannot hold the network even with one image.
        """
        loss = self._accumulated(images, targets)
        while loss is None:
            loss = self._accumulated(images, targets)
        return loss

    def _accumulated(self, images: Tensor, targets: Tensor) -> Tensor | None:
        """Return the batch's loss with its gradients set, or None after doubling the micro-batches."""
        self._optimiser.zero_grad(set_to_none=True)
        count = min(self._count, len(images))
        try:
            return self._summed(images, targets, count)
        except torch.OutOfMemoryError as error:
            if count == len(images):
                raise OutOfMemoryError(
                    f"The device has too little memory for one image at a time ({error}). A smaller "
                    f"network, a larger part of the GPU or precision: bf16 may help."
                ) from error
        self._count = count * 2
        self._optimiser.zero_grad(set_to_none=True)
        if images.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _summed(self, images: Tensor, targets: Tensor, count: int) -> Tensor:
        """Return the loss of a batch, backpropagated in `count` micro-batches."""
        total = torch.zeros((), device=images.device)
        for part, part_targets in _cut(images, targets, count):
            loss = self._loss_of(part, part_targets) * (len(part) / len(images))
            loss.backward()
            total += loss.detach()
        return total


def _cut(images: Tensor, targets: Tensor, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(images.tensor_split(count), targets.tensor_split(count), strict=True)
