"""MACs and weights of each module of a network, counted by torch."""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True)
class ModuleCost:
    """Cost of one module of a network at batch 1, without its submodules.

    Attributes:
        macs: Multiply-accumulates of its convolutions and matrix products.
        weights: Number of elements of its parameters.
    """

    macs: int = 0
    weights: int = 0

    def __add__(self, other: "ModuleCost") -> "ModuleCost":
        return ModuleCost(self.macs + other.macs, self.weights + other.weights)


def module_costs(network: nn.Module, *, resolution: int, in_channels: int) -> dict[str, ModuleCost]:
    """Return the cost of every module that computes something or has parameters, by its path.

    Args:
        network: Network, [1, in_channels, r, r] -> [1, classes]; run once.
        resolution: Side of the square images in pixels, r.
        in_channels: Number of channels of an image.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(torch.zeros(1, in_channels, resolution, resolution))
    within: defaultdict[str, int] = defaultdict(int)  # MACs of a module with its submodules
    for scope, operations in counter.get_flop_counts().items():
        if scope != "Global":
            within[scope.partition(".")[2]] = sum(operations.values()) // 2
    found = {}
    for path, module in network.named_modules():
        children = [f"{path}.{name}".lstrip(".") for name, _ in module.named_children()]
        macs = within[path] - sum(within[child] for child in children)
        weights = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        if macs or weights:
            found[path] = ModuleCost(macs, weights)
    return found
