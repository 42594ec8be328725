"""Rounds the weights of one stage of a network, all others staying in fp32, to see what they cost."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from search_spaces.weight_bits import WHOLE_BITS
from trials.quantisation.fake_quantisation import packed_weights, rounded_weights


@contextmanager
def rounded_stage(network: nn.Module, stage: int, bits: int) -> Iterator[None]:
    """Compute within the block with weights of one stage as the int8 form holds them, all else in floats.

    Args:
        network: Network in its inference form.
        stage: Number of the stage, counted from 0.
        bits: Bits of the weights of its convolutions, 8 or 4; those of other layers have 8.
    """
    layers = [
        layer
        for layer in network.get_submodule(f"stages.{stage}").modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    before = [layer.weight.detach().clone() for layer in layers]
    try:
        with torch.no_grad():
            for layer in layers:
                packs = bits < WHOLE_BITS and isinstance(layer, nn.Conv2d)
                layer.weight.copy_((packed_weights if packs else rounded_weights)(layer.weight))
        yield
    finally:
        with torch.no_grad():
            for layer, weight in zip(layers, before, strict=True):
                layer.weight.copy_(weight)
