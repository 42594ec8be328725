"""ZiCo: how large gradients are beside how much they vary from one batch of images to the next.

Li et al., 2023, https://arxiv.org/abs/2301.11300: the sum over the convolutions and linear layers of
log(sum over their weights of mean |g| / std(g)), g being the gradient of the cross-entropy in each of two
batches.

Deviations: the deviation is that of g, as in published evaluations, where the paper writes that of |g|;
weights whose gradient is the same in both batches are left out, and so are layers with no other. Each batch
has 8 images instead of 128. Free parameters of a block (a layer scale, a temperature) and norms are not
layers.
"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces.errors import ScoreError
from trials.scores import ImageScore

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


class ZiCo(ImageScore):
    """Sum over layers of the log of the mean gradient over its standard deviation, summed over weights."""

    labelled = True
    batch = 16

    def value(
        self, network: nn.Module, images: Float[Tensor, "b c r r"], labels: Int64[Tensor, " b"]
    ) -> float:
        """Return the score of a network, see `ImageScore.value`; the two halves are its batches."""
        weights = [m.weight for m in network.modules() if isinstance(m, _LAYERS)]
        half = len(images) // 2
        batches = [
            _gradients(network, weights, images[part], labels[part])
            for part in (slice(half), slice(half, None))
            if weights
        ]
        layers = [_layer(one, other) for one, other in zip(*batches, strict=True)]
        if not any(layers):
            raise ScoreError(
                "Cannot score a network by zico: no convolution or linear layer has gradients that differ "
                "between two batches. Expected a network that can be trained."
            )
        return sum(math.log(layer) for layer in layers if layer > 0)


def _gradients(network: nn.Module, weights: list[Tensor], images: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the gradient of the mean cross-entropy of a batch with respect to each weight."""
    loss = F.cross_entropy(network(images), labels)
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    return [
        torch.zeros_like(w) if gradient is None else gradient
        for w, gradient in zip(weights, found, strict=True)
    ]


def _layer(one: Tensor, other: Tensor) -> float:
    """Return the sum over the weights of a layer of mean |g| / std(g) over two batches."""
    deviation = (one - other).abs() / 2
    ratio = (one.abs() + other.abs()) / 2 / deviation
    return float(ratio[deviation > 0].double().sum())


SCORE = ZiCo()
