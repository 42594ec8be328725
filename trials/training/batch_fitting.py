"""Finds the largest batch that a device's memory holds, once for a training, and the rate that goes with it.

The linear rule (Goyal et al., 2017, "Accurate, Large Minibatch SGD", https://arxiv.org/abs/1706.02677): the
rate grows in proportion to the batch.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trials.training.free_memory import free_memory
from trials.training.precision import autocast
from trials.training.recipe import Recipe
from trials.usable_cores import usable_cores

_USED: Final = 0.7
"""Share of the free memory that may be planned for; the rest is for workspaces of kernels and for fragments.
Where that does not suffice, batches are trained in parts (`trials.training.micro_batches`)."""
_PROBED: Final = 2  # images, as batch norms need several values of a channel
_KEPT: Final = 1.5  # bytes at the peak for each that is kept for the backward pass: gradients of maps
_COPIES: Final = 5  # of the weights: themselves, gradients, two moments of the optimiser, an average


def with_batch(recipe: Recipe, batch_size: int) -> Recipe:
    """Return a recipe with a batch of so many images and the rate that the linear rule gives for it."""
    meant = recipe.rate_batch or recipe.batch_size
    rate = recipe.learning_rate if batch_size == meant else recipe.learning_rate * batch_size / meant
    settled = {"batch_size": batch_size, "learning_rate": rate, "rate_batch": None, "largest_batch": None}
    return recipe.model_copy(update=settled)


def largest_batch(
    network: nn.Module,
    recipe: Recipe,
    shape: tuple[int, int, int],
    *,
    images: int,
    device: torch.device,
    free: Callable[[torch.device], int | None] | None = None,
) -> int:
    """Return the images in a step of a training: the recipe's, doubled as often as memory and recipe allow.

    Nothing of the network changes, and no random number is drawn.

    Args:
        network: Network in training, on the device.
        recipe: Recipe of the training.
        shape: Channels, height and width of the images that the network takes.
        images: Images in an epoch; a batch has no more of them than this.
        device: Device of the training.
        free: Returns the free memory of a device in bytes, None if unknown; by default what this training
            may take of it.
    """
    batch, most = recipe.batch_size, min(recipe.largest_batch or 0, images)
    if 2 * batch > most:
        return batch
    left = (free or _share_of_memory)(device)
    if left is None:
        return batch
    left = int(_USED * left) - _COPIES * _bytes_of(network.parameters())
    each = _KEPT * kept_bytes(network, recipe, shape, device) / _PROBED
    if recipe.wider > 1:  # a wider network beside it, whose maps are wider
        each *= 1 + recipe.wider
    while 2 * batch <= most and 2 * batch * each <= left:
        batch *= 2
    return batch


def kept_bytes(network: nn.Module, recipe: Recipe, shape: tuple[int, int, int], device: torch.device) -> int:
    """Return the bytes that a step on two images keeps for its backward pass, weights not counted."""
    probed = copy.deepcopy(network).train()
    weights = {tensor.untyped_storage().data_ptr() for tensor in (*probed.parameters(), *probed.buffers())}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no storage is used again

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    shown = torch.zeros(_PROBED, *shape, device=device).contiguous(memory_format=torch.channels_last)
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        autocast(recipe, device),
    ):
        scores = probed(shown)
        F.cross_entropy(scores.float(), torch.zeros(_PROBED, dtype=torch.int64, device=device))
    return sum(kept.values())


def _bytes_of(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _share_of_memory(device: torch.device) -> int | None:
    """Return the free memory that one training may plan with: of a CPU's as much as of its cores."""
    free = free_memory(device)
    if free is None:
        return None
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        total = torch.cuda.get_device_properties(device).total_memory
        share = torch.cuda.get_per_process_memory_fraction(device)  # of trainings that share a GPU
        return min(free + held, int(share * total) - torch.cuda.memory_allocated(device))
    return free * min(torch.get_num_threads(), len(usable_cores())) // len(usable_cores())
