"""Scaling rule `fast_compound`: mostly of the width (Dollár et al., 2021, https://arxiv.org/abs/2103.06877).

With shares of 0.1, 0.8 and 0.1 of the growth s: depth s^0.1, width s^0.4, resolution s^0.05, so that
d w^2 r^2 = s while activations grow as s^0.6 only (https://github.com/facebookresearch/pycls,
pycls/models/scaler.py, ``d1_w8_g8_r1``; sides are multiples of 4).
"""

from nas.scaling.rules import Base
from nas.scaling.scaled_architecture import ScalingFactors

DEPTH, WIDTH, RESOLUTION = 0.1, 0.8, 0.1  # shares of the growth of the MACs


def RULE(base: Base, ratio: float) -> ScalingFactors:  # noqa: ARG001, N802
    """Return the scaling factors for a ratio of MACs."""
    return ScalingFactors(
        resolution=ratio ** (RESOLUTION / 2),
        width=ratio ** (WIDTH / 2),
        conv_depth=ratio**DEPTH,
        attention_depth=ratio**DEPTH,
        multiple=4,
    )
