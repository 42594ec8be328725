"""Builds the optimiser of shared tensors, whose layers are known by name alone."""

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
    return optimiser_over(
        shared.parameters(), recipe, lambda tensor: id(tensor) in kernels or is_matrix(tensor)
    )
