"""Stochastic depth: training skips whole blocks at random (Huang et al., 2016).

https://arxiv.org/abs/1603.09382. Blocks of a network that keep the shape are skipped, each image on its
own, with a probability that rises linearly from the first block to the last (Eq. 4); what a block adds
is scaled so that its expectation stays. Nothing remains in the network after training.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from search_spaces.errors import RecipeError


@contextmanager
def dropping(network: nn.Module, share: float) -> Iterator[None]:
    """Skip blocks of `network` in training mode, the last one with probability `share`.

    Args:
        network: Its blocks are the members of the members of ``network.stages``.
        share: In [0, 1); 0 does nothing.

    Raises:
        RecipeError: if `share` is positive and the network has no such blocks.
    """
    blocks = [block for stage in _children(network, "stages") for block in stage.children()]
    if share > 0 and not blocks:
        raise RecipeError(
            f"drop_path {share:g} needs a network with blocks in stages: expected a member 'stages', "
            f"found none in {type(network).__name__}. Set drop_path: 0."
        )
    handles = [
        block.register_forward_hook(_skipping(share * number / len(blocks)))
        for number, block in enumerate(blocks, start=1)
        if share > 0
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _children(network: nn.Module, name: str) -> list[nn.Module]:
    held = getattr(network, name, None)
    return list(held.children()) if isinstance(held, nn.Module) else []


def _skipping(probability: float) -> Any:
    def hook(block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if not block.training or output.shape != inputs[0].shape:
            return None
        kept = torch.rand(len(output), 1, 1, 1, device=output.device) >= probability
        added = (output - inputs[0]) / (1 - probability)
        return inputs[0] + torch.where(kept, added, 0.0)

    return hook
