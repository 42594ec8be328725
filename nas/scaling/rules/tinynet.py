"""Scaling rule `tinynet`: shrinks width more than depth (Han et al., 2020, https://arxiv.org/abs/2010.14819).

The paper fits resolution and depth against the share c of the base network's MACs with Gaussian processes on
its best networks, whose hyper-parameters are not public. What is public are five points of the curves
(https://github.com/huawei-noah/Efficient-AI-Backbones, tinynet_pytorch); between them the curves are
interpolated monotonically in log c. Stem and head keep their channels, depths are rounded to the nearest.
"""

from typing import Final

import numpy as np
from scipy.interpolate import PchipInterpolator

from nas.scaling.rules import Base, RuleError
from nas.scaling.scaled_architecture import ScalingFactors

_BASE_MACS: Final = 385_814_752  # EfficientNet-B0 at 224 pixels, counted
# Share of those MACs (counted), resolution and depth of TinyNet-E to -A, then of the network itself.
PUBLISHED: Final = {
    "e": (24_356_848 / _BASE_MACS, 106 / 224, 0.60),
    "d": (51_580_656 / _BASE_MACS, 152 / 224, 0.695),
    "c": (99_536_432 / _BASE_MACS, 184 / 224, 0.85),
    "b": (200_709_360 / _BASE_MACS, 188 / 224, 1.1),
    "a": (336_867_712 / _BASE_MACS, 192 / 224, 1.2),
}


def RULE(base: Base, ratio: float) -> ScalingFactors:  # noqa: N802
    """Return the scaling factors for a ratio of MACs of at most 1.

    Below the smallest published point both curves are extrapolated as straight lines in log c.

    Raises:
        RuleError: if the ratio is above 1.
    """
    if ratio > 1:
        raise RuleError(
            f"The rule tinynet only shrinks: expected a budget of at most what {base.name} takes, not "
            f"{ratio:.2g} times that. Take --rule compound or fast_compound to grow it."
        )
    points = sorted(PUBLISHED.values())
    logs = np.log([c for c, _, _ in points])
    resolution, depth = (
        _curve(logs, np.array([point[i] for point in points]), float(np.log(ratio))) for i in (1, 2)
    )
    return ScalingFactors(
        resolution=resolution,
        width=(ratio / (depth * resolution**2)) ** 0.5,
        conv_depth=depth,
        attention_depth=depth,
        ends=False,
    )


def _curve(x: np.ndarray, y: np.ndarray, at: float) -> float:
    """Return the monotone curve through log `y` at `at`, extrapolated as a straight line."""
    curve = PchipInterpolator(x, np.log(y))
    inside = min(max(at, x[0]), x[-1])
    slope = float(curve.derivative()(inside)) if at < x[0] else 0.0
    return float(np.exp(curve(inside) + slope * (at - inside)))
