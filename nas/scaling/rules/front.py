"""Scaling rule `front`: resolution and depths of a study's best networks at each cost.

TinyNet's recipe (Han et al., 2020, https://arxiv.org/abs/2010.14819) carried to hybrids of convolution and
attention: r(c), d_conv(c) and d_attention(c) are Gaussian processes on the study's Pareto front of accuracy
and MACs (`nas.scaling.front_trend`); the published closed forms of the width are off by up to a quarter, so
it is solved for by counting.
"""

from math import log

from nas.scaling.rules import Base, RuleError
from nas.scaling.scaled_architecture import ScalingFactors


def RULE(base: Base, ratio: float) -> ScalingFactors:  # noqa: N802
    """Return the scaling factors for a ratio of MACs.

    Raises:
        RuleError: if the base has no Pareto front.
    """
    if base.front is None:
        raise RuleError(
            f"The rule front is not defined for {base.name}: expected a study or one of its networks, whose "
            f"Pareto front it follows. Take --rule compound, fast_compound or tinynet."
        )
    return base.front(log(base.macs * ratio))
