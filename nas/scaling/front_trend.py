"""The shapes of the best networks of a study as functions of their cost: Gaussian processes on its front."""

import itertools
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from nas.bayesopt import pareto
from nas.explanation.evidence import Evidence, Floats
from nas.scaling.scaled_architecture import ScalingFactors
from nas.surrogates.matern import matern
from search_spaces.architecture import Architecture
from search_spaces.errors import StudyError
from search_spaces.options import kind_of

LEAST: Final = 3
"""Networks on a front from which a trend can be told."""

_GROWTH: Final = np.log(1.2 * 1.1**2 * 1.15**2)
_SLOPES: Final = (np.log(1.15) / _GROWTH, np.log(1.2) / _GROWTH, np.log(1.2) / _GROWTH)
"""How log side and log depths grow with log MACs in compound scaling (see `nas.scaling.rules.compound`)."""

_SLOPE: Final = 0.1  # standard deviation of those slopes beforehand
_SMOOTH: Final = (0.1, 0.5, 0.9)  # shares of the spread that are no noise
_LENGTHS: Final = (0.5, 1.0, 2.0)  # log MACs


def front_of(
    evidence: Evidence, networks: Sequence[Architecture], base: Architecture
) -> Callable[[float], ScalingFactors]:
    """Return log MACs to the factors on `base` of the study's best networks of that cost.

    Resolution and the two depths are modelled in logs, each a Gaussian process with a straight line inside,
    on the log MACs of the networks that no other beats in both accuracy and MACs; those that are a little
    worse count too where fewer than three are left.

    Args:
        evidence: The trained networks.
        networks: The architecture of each row of the evidence's `last`.
        base: The network that is scaled.

    Raises:
        StudyError: if too few networks were trained to tell a trend.
    """
    rows = evidence.last
    whole = evidence.fidelity[rows] == evidence.fidelity[rows].max()
    costs, values = np.log(evidence.macs(evidence.rows[rows])), evidence.values[rows]
    kept = np.flatnonzero(whole)
    kept = kept[_best(np.stack([values[kept], -costs[kept]], axis=1))]
    if len(kept) < LEAST:
        raise StudyError(
            f"The front of '{evidence.study}' has {len(kept)} networks: expected at least {LEAST}. "
            f"Go on with the command that began it and more --trials."
        )
    traits = np.log([_traits(networks[int(i)]) for i in kept])
    curves = [_curve(costs[kept], y, slope) for y, slope in zip(traits.T, _SLOPES, strict=True)]
    own = np.log(_traits(base))

    def shape(log_macs: float) -> ScalingFactors:
        factors = [float(np.exp(curve(log_macs) - at)) for curve, at in zip(curves, own, strict=True)]
        return ScalingFactors(
            resolution=factors[0], conv_depth=factors[1], attention_depth=factors[2], multiple=2
        )

    return shape


def _best(points: Floats) -> NDArray[np.bool_]:
    """Return which points no other beats, layer by layer until a trend can be told."""
    kept = pareto.front(points)
    while kept.sum() < 2 * LEAST and not kept.all():
        rest = np.flatnonzero(~kept)
        kept[rest[pareto.front(points[rest])]] = True
    return kept


def _traits(network: Architecture) -> list[float]:
    """Return side, and blocks that convolve and that attend, each at least a half."""
    blocks = {"conv": 0.0, "attention": 0.0}
    for stage in network.stages:
        blocks[kind_of(stage.mixer)] += stage.depth
    return [float(network.resolution), max(blocks["conv"], 0.5), max(blocks["attention"], 0.5)]


def _curve(x: Floats, y: Floats, slope: float) -> Callable[[float], float]:
    """Return the posterior mean of `y` at a log cost: a line near compound scaling's, and departures from it.

    A front is short and noisy, and a family reaches far beyond it: the slope has a narrow prior, and the
    departures, a Matérn process, fade to nothing away from the front. How much of the spread is noise and
    how far departures reach are those of a few settings that make the front most probable.
    """
    about = float(x.mean())
    rest = y - slope * (x - about)
    spread = max(float(rest.var()), 1e-4)
    mean = float(rest.mean())

    def between(a: Floats, b: Floats, smooth: float, length: float) -> Floats:
        columns = (torch.from_numpy(x[:, None] / length) for x in (a, b))
        line = _SLOPE**2 * np.outer(a - about, b - about)
        return np.asarray(spread * (1.0 + smooth * matern(*columns).numpy()) + line)

    def weighed(smooth: float, length: float) -> tuple[float, Floats]:
        covariance = between(x, x, smooth, length) + spread * (1.0 - smooth + 1e-6) * np.eye(len(x))
        weights = np.linalg.solve(covariance, rest - mean)
        evidence = -0.5 * float((rest - mean) @ weights) - 0.5 * float(np.linalg.slogdet(covariance)[1])
        return evidence, np.asarray(weights, dtype=np.float64)

    smooth, length = max(itertools.product(_SMOOTH, _LENGTHS), key=lambda s: weighed(*s)[0])
    weights = weighed(smooth, length)[1]

    def at(log_macs: float) -> float:
        towards = between(np.array([log_macs]), x, smooth, length)[0]
        return float(towards @ weights) + mean + slope * (log_macs - about)

    return at
