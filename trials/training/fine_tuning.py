"""Controls of fine-tuning: stages that keep their weights at first, and rates that fall towards the image."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from trials.training.recipe import Recipe


def depth_of(name: str) -> int:
    """Return how deep a parameter of one of our networks lies: 0 in the stem, s + 1 in stage s from 0.

    Those behind the stages lie one deeper than any stage, and so do all of other networks.
    """
    first, _, rest = name.partition(".")
    if first == "stem":
        return 0
    return int(rest.partition(".")[0]) + 1 if first == "stages" else _BEHIND


_BEHIND = 10**6


def rate_factors(network: nn.Module, recipe: Recipe) -> dict[int, float]:
    """Return the factor on the rate of each parameter, by its id; 1 for those behind the stages."""
    depths = {id(p): depth_of(name) for name, p in network.named_parameters()}
    last = max((d for d in depths.values() if d < _BEHIND), default=-1) + 1
    return {key: recipe.layer_rate ** (last - min(depth, last)) for key, depth in depths.items()}


@contextmanager
def frozen(network: nn.Module, recipe: Recipe, epoch: int) -> Iterator[None]:
    """Let the stem and the first stages get no gradients within the block, in the epochs that freeze them."""
    if epoch > recipe.frozen_epochs:
        yield
        return
    most = _BEHIND - 1 if recipe.frozen_stages is None else recipe.frozen_stages
    held = [p for name, p in network.named_parameters() if p.requires_grad and depth_of(name) <= most]
    for parameter in held:
        parameter.requires_grad_(False)
        parameter.grad = None
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
