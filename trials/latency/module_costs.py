"""What each module of a network computes and holds, by torch's own counter."""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True)
class Module:
    """One module of a network at batch 1, without the modules in it.

    Attributes:
        macs: Multiply-accumulates of its convolutions and matrix products.
        weights: Elements of its parameters.
    """

    macs: int = 0
    weights: int = 0

    def __add__(self, other: "Module") -> "Module":
        return Module(self.macs + other.macs, self.weights + other.weights)


def modules_of(network: nn.Module, *, resolution: int, in_channels: int) -> dict[str, Module]:
    """Return every module that computes something or holds parameters, by its path.

    Args:
        network: [1, in_channels, r, r] -> [1, classes]; run once.
        resolution: r, in pixels.
        in_channels: Channels of an image.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(torch.zeros(1, in_channels, resolution, resolution))
    within: defaultdict[str, int] = defaultdict(int)  # MACs of a module and of those in it
    for scope, operations in counter.get_flop_counts().items():
        if scope != "Global":
            within[scope.partition(".")[2]] = sum(operations.values()) // 2
    found = {}
    for path, module in network.named_modules():
        children = [f"{path}.{name}".lstrip(".") for name, _ in module.named_children()]
        macs = within[path] - sum(within[child] for child in children)
        weights = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        if macs or weights:
            found[path] = Module(macs, weights)
    return found
