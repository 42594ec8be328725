"""Scaling rule `x3d`: doubles or halves MACs along the best axis (Feichtenhofer, arXiv 2004.04730).

Each step doubles the MACs along one axis - resolution, width, depth of convolution or of attention, expansion
inside the blocks - and keeps the axis with the highest accuracy by the evaluator, a study's surrogate or
real trainings. A network is shrunk along one axis at a time in the same way. The last step exceeds the
budget; the width is then reduced until the network fits.
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


_LEAST: Final = 0.2  # least share of a doubling that a step must make; less means that rounding undid it


def RULE(base: Base, ratio: float) -> ScalingFactors:  # noqa: N802
    """Return the scaling factors for a ratio of MACs, step by step.

    Raises:
        RuleError: if the base has no evaluator.
    """
    if base.evaluator is None:
        raise RuleError(
            f"The rule x3d is not defined for {base.name} alone: expected a study, whose surrogate decides "
            f"the steps, or --train, which trains a network for each axis."
        )
    factors = ScalingFactors()
    remaining = log2(ratio)  # doublings still to go, negative to shrink
    while abs(remaining) > 1e-6:
        step = max(-1.0, min(1.0, remaining))
        candidates = [
            replace(factors, **{axis: getattr(factors, axis) * doubling**step})
            for axis, doubling in _STEPS.items()
            if _matters(base, axis)
        ]
        candidates = [
            candidate for candidate in candidates if _moves(base, factors, candidate) >= _LEAST * abs(step)
        ]
        if not candidates:
            break  # no axis can be reduced any further
        accuracies = base.evaluator(candidates)
        factors = candidates[max(range(len(candidates)), key=accuracies.__getitem__)]
        remaining -= step
    return factors


def _moves(base: Base, factors: ScalingFactors, candidate: ScalingFactors) -> float:
    """Return how many doublings or halvings of the MACs a step makes after rounding."""
    before, after = (count(scaled(base.architecture, s), num_classes=10).macs for s in (factors, candidate))
    return abs(log2(after / before))


def _matters(base: Base, axis: str) -> bool:
    """Return whether the network has the axis."""
    runs = [run for stage in base.architecture.stages for run in stage.runs]
    kinds = {kind_of(run.mixer) for run in runs}
    if axis in {"conv_depth", "attention_depth"}:
        return axis.removesuffix("_depth") in kinds
    return axis != "expansion" or any(dict(run.options).get("expansion") for run in runs)
