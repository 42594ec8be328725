"""A scaling rule that changes the width alone."""

from nas.scaling.rules import Base
from nas.scaling.scaled_architecture import ScalingFactors


def RULE(base: Base, ratio: float) -> ScalingFactors:  # noqa: ARG001, N802
    """Return the factors at a share of the MACs of the network."""
    return ScalingFactors(width=ratio**0.5)
