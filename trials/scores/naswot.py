"""NASWOT: how differently a network with initial weights treats the images of a batch.

Mellor et al., 2021, https://arxiv.org/abs/2006.04647: image i switches some units on and the others off,
which is its binary code c_i; K_ij = N - d(c_i, c_j) with N units and the Hamming distance d; the score is
log |det K|.

Deviations: a unit is on where what enters its activation function is positive, whatever the function is, so
that SiLU, GELU and hard-swish count as ReLU does. One unit more tells every two images apart (K + I), so
that the determinant is never zero. The batch is 24 images instead of 128.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from search_spaces.errors import ScoreError
from trials.activation_signs import observe_activations
from trials.scores import ImageScore


class NASWOT(ImageScore):
    """Log-determinant of the kernel of activation patterns; between 0 and b log(N + 1)."""

    def value(
        self, network: nn.Module, images: Float[Tensor, "b c r r"], labels: Int64[Tensor, " b"]
    ) -> float:
        """Return the score of a network, see `ImageScore.value`."""
        del labels
        kernel = torch.eye(len(images), dtype=torch.float64)

        def add(on: Bool[Tensor, "b units"]) -> None:
            signs = on.float().mul_(2).sub_(1)  # [b, units], -1 or 1
            kernel.add_((signs @ signs.T).cpu().double().add_(signs.shape[1]).div_(2))

        if not observe_activations(network, images, add):
            raise ScoreError(
                "Cannot score a network by naswot: it calls no activation function that torch has. "
                "Expected at least one, for example a ReLU."
            )
        return float(torch.linalg.slogdet(kernel).logabsdet)


SCORE = NASWOT()
