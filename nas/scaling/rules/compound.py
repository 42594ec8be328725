"""Scaling rule `compound`: EfficientNet's compound scaling (Tan & Le, 2019, https://arxiv.org/abs/1905.11946).

Depth, width and resolution grow as 1.2^phi, 1.1^phi and 1.15^phi, which takes (1.2 x 1.1^2 x 1.15^2)^phi
times the MACs. The released B1 to B7 keep to it in steps of a tenth and to resolutions that suited the
authors' hardware (`PUBLISHED`; https://github.com/huggingface/pytorch-image-models,
timm/models/efficientnet.py).
"""

import math
from typing import Final

from nas.scaling.rules import Base
from nas.scaling.scaled_architecture import ScalingFactors

DEPTH, WIDTH, RESOLUTION = 1.2, 1.1, 1.15

PUBLISHED: Final = {
    "b0": (1.0, 1.0, 224),
    "b1": (1.0, 1.1, 240),
    "b2": (1.1, 1.2, 260),
    "b3": (1.2, 1.4, 300),
    "b4": (1.4, 1.8, 380),
    "b5": (1.6, 2.2, 456),
    "b6": (1.8, 2.6, 528),
    "b7": (2.0, 3.1, 600),
}
"""Width, depth and resolution of each release."""


def RULE(base: Base, ratio: float) -> ScalingFactors:  # noqa: ARG001, N802 -- the registry's name for it
    """Return the scaling factors for a ratio of MACs."""
    return at(math.log(ratio) / math.log(DEPTH * WIDTH**2 * RESOLUTION**2))


def at(phi: float) -> ScalingFactors:
    """Return the scaling factors for a compound coefficient; 0 leaves the network unchanged."""
    return ScalingFactors(
        resolution=RESOLUTION**phi,
        width=WIDTH**phi,
        conv_depth=DEPTH**phi,
        attention_depth=DEPTH**phi,
        up=True,
    )
