"""Says by how much the values of two networks differ, with a 95 % interval."""

from math import hypot, nan, sqrt
from typing import Final

from dashboards.point_difference import Difference
from dashboards.result import TrialResult

_Z: Final = 1.96  # standard errors of a 95 % interval


def difference(one: TrialResult, other: TrialResult) -> Difference:
    """Return how much better one network is than another by what they are compared by, `TrialResult.merit`.

    What the networks said of each image is not stored, so the interval takes their errors as independent. It
    is wider than it need be for networks that err on the same images.
    """
    value = one.merit - other.merit
    if one.merit_error is None or other.merit_error is None:
        return Difference(value, nan, nan)
    (low, high), (other_low, other_high) = _ends(one), _ends(other)
    return Difference(
        value,
        value - hypot(one.merit - low, other_high - other.merit),
        value + hypot(high - one.merit, other.merit - other_low),
    )


def _ends(network: TrialResult) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a network's value.

    A share of right images has Wilson's interval, so that the difference of two has Newcombe's (method 10 of
    Newcombe, 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I). The
    number of images is the one for which the stored error is half the width of Wilson's interval over 1.96.
    """
    value, error = network.merit, network.merit_error or 0.0
    half = _Z * error
    if network.posterior_mean is not None or not 0.0 < half < 0.5:
        return value - half, value + half
    # With x = 1 / images and v = value (1 - value): error (1 + z² x) = sqrt(v x + z² x² / 4), squared.
    a = _Z**2 * (0.25 - half**2)
    b = value * (1.0 - value) - 2.0 * half**2
    x = (-b + sqrt(b**2 + 4.0 * a * error**2)) / (2.0 * a)
    centre = (value + _Z**2 * x / 2.0) / (1.0 + _Z**2 * x)
    return max(0.0, centre - half), min(1.0, centre + half)
