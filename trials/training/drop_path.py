"""Stochastic depth (drop path): skips whole blocks at random during training.

Huang et al., 2016, https://arxiv.org/abs/1603.09382. Blocks that keep the shape of their input are skipped
per image, with a probability that rises linearly from the first block to the last (Eq. 4); the residual of
a block is rescaled to keep its expectation. Nothing remains in the network after training.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from search_spaces.errors import RecipeError


@contextmanager
def drop_blocks(network: nn.Module, share: float) -> Iterator[None]:
    """Skip blocks of `network` at random in training mode inside the ``with`` block.

    Args:
        network: Network whose blocks are the children of the children of ``network.stages``.
        share: Probability of skipping the last block, in [0, 1); 0 does nothing.

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
    parent = getattr(network, name, None)
    return list(parent.children()) if isinstance(parent, nn.Module) else []


def _skipping(probability: float) -> Any:
    def hook(block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if not block.training or output.shape != inputs[0].shape:
            return None
        kept = torch.rand(len(output), 1, 1, 1, device=output.device) >= probability
        residual = (output - inputs[0]) / (1 - probability)
        return inputs[0] + torch.where(kept, residual, 0.0)

    return hook
