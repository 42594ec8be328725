"""SWAP: how many different patterns the units of a network show over the images of a batch.

Peng et al., 2024, https://arxiv.org/abs/2403.04161: unit v is on for some images of a batch of S and off
for the others, which is its binary pattern of length S; the score is the number of distinct patterns among
all units of the network. Written from the paper. Its regularised form, which pulls the number of parameters
towards one that the user gives, is left out: a budget does that here.

Deviation: a unit is on where what enters its activation function is positive, whatever the function is, so
that SiLU, GELU and hard-swish count as ReLU does.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from search_spaces.errors import ScoreError
from trials.activation_signs import observe_activations
from trials.scores import ImageScore


class SWAP(ImageScore):
    """Number of distinct sample-wise activation patterns, from 1 to the number of units."""

    batch = 24

    def value(
        self, network: nn.Module, images: Float[Tensor, "b c r r"], labels: Int64[Tensor, " b"]
    ) -> float:
        """Return the score of a network, see `ImageScore.value`."""
        del labels
        found: list[Tensor] = []
        if not observe_activations(network, images, lambda on: found.append(_patterns(on))):
            raise ScoreError(
                "Cannot score a network by swap: it calls no activation function that torch has. "
                "Expected at least one, for example a ReLU."
            )
        return float(len(torch.cat(found).unique()))


def _patterns(on: Bool[Tensor, "b units"]) -> Int64[Tensor, " distinct"]:
    """Return the distinct patterns of a layer's units over at most 63 images, as whole numbers."""
    patterns = torch.zeros_like(on[0], dtype=torch.int64)
    for image, row in enumerate(on):
        patterns |= row.to(torch.int64) << image
    return patterns.unique()


SCORE = SWAP()
