"""Builds the optimiser of shared tensors, whose layers are known by name alone."""

import torch
from torch import optim

from search_spaces.elastic.shared_weights import SharedWeights
from trials.training.optimisers import WITH_KERNELS, is_matrix, optimiser_over
from trials.training.recipe import Recipe


def shared_optimiser(shared: SharedWeights, recipe: Recipe) -> optim.Optimizer:
    """Return the fused optimiser of a recipe over shared tensors.

    Weight decay applies to what `trials.training.optimisers.build_optimiser` applies it to in a network.
    """
    kernels = {
        id(tensor)
        for key, tensor in shared.tensors.items()
        if tensor.ndim > 1 and issubclass(shared.layout.layers[key], WITH_KERNELS)
    }
    optimiser = optimiser_over(
        shared.parameters(), recipe, lambda tensor: id(tensor) in kernels or is_matrix(tensor)
    )
    if recipe.optimiser == "sgd" and recipe.momentum > 0:
        # Torch's fused SGD starts the momentum of all tensors at once; here each is used at its time.
        for tensor in shared.parameters():
            optimiser.state[tensor]["momentum_buffer"] = torch.zeros_like(tensor)
    return optimiser
