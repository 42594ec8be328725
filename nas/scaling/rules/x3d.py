"""X3D's stepwise expansion and backward contraction (Feichtenhofer, 2020, https://arxiv.org/abs/2004.04730).

Each step doubles the MACs along one axis - resolution, width, depth of convolution or of attention, expansion
inside the blocks - and keeps the axis that the judge, a study's surrogate or real trainings, finds best. A
network that shrinks is contracted along one axis at a time in the same way. The last step leads past the
budget; the width is then contracted until the network fits.
"""

from dataclasses import replace
from math import log2
from typing import Final

from nas.scaling.rules import Base, RuleError
from nas.scaling.scaled_architecture import ScalingFactors, scaled
from search_spaces.counting import count
from search_spaces.options import kind_of

_STEPS: Final = {  # what doubles the MACs along each axis
    "resolution": 2**0.5,
    "width": 2**0.5,
    "conv_depth": 2.0,
    "attention_depth": 2.0,
    "expansion": 2.0,
}


_LEAST: Final = 0.2  # of a doubling that a step has to move: below it, rounding has used an axis up


def RULE(base: Base, ratio: float) -> ScalingFactors:  # noqa: N802
    """Return the shape that the steps lead to at a share of the MACs of the network.

    Raises:
        RuleError: if nobody can judge the steps.
    """
    if base.judge is None:
        raise RuleError(
            f"The rule x3d is not defined for {base.name} alone: expected a study, whose surrogate decides "
            f"the steps, or --train, which trains a network for each axis."
        )
    shape = ScalingFactors()
    remaining = log2(ratio)  # doublings still to go, negative to shrink
    while abs(remaining) > 1e-6:
        step = max(-1.0, min(1.0, remaining))
        ways = [
            replace(shape, **{axis: getattr(shape, axis) * doubling**step})
            for axis, doubling in _STEPS.items()
            if _matters(base, axis)
        ]
        ways = [way for way in ways if _moves(base, shape, way) >= _LEAST * abs(step)]
        if not ways:
            break  # nothing is left to give up
        judged = base.judge(ways)
        shape = ways[max(range(len(ways)), key=judged.__getitem__)]
        remaining -= step
    return shape


def _moves(base: Base, shape: ScalingFactors, way: ScalingFactors) -> float:
    """Return how many doublings or halvings of the MACs a step really makes, rounding included."""
    before, after = (count(scaled(base.architecture, s), num_classes=10).macs for s in (shape, way))
    return abs(log2(after / before))


def _matters(base: Base, axis: str) -> bool:
    """Return whether the network has anything along an axis."""
    kinds = {kind_of(stage.mixer) for stage in base.architecture.stages}
    if axis in {"conv_depth", "attention_depth"}:
        return axis.removesuffix("_depth") in kinds
    return axis != "expansion" or any(dict(s.options).get("expansion") for s in base.architecture.stages)
