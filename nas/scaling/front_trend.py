"""Fits resolution and depths of a study's Pareto front as functions of MACs by Gaussian processes."""

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
from search_spaces.options import depth_with_parts, kind_of

LEAST: Final = 3
"""Least number of networks on a front to fit a trend."""

_GROWTH: Final = np.log(1.2 * 1.1**2 * 1.15**2)
_SLOPES: Final = (np.log(1.15) / _GROWTH, np.log(1.2) / _GROWTH, np.log(1.2) / _GROWTH)
"""How log side and log depths grow with log MACs in compound scaling (see `nas.scaling.rules.compound`)."""

_SLOPE: Final = 0.1  # prior standard deviation of those slopes
_SMOOTH: Final = (0.1, 0.5, 0.9)  # candidate shares of the variance that are signal
_LENGTHS: Final = (0.5, 1.0, 2.0)  # candidate length scales in log MACs


def front_of(
    evidence: Evidence,
    networks: Sequence[Architecture],
    base: Architecture,
    fits: NDArray[np.bool_] | None = None,
) -> Callable[[float], ScalingFactors]:
    """Return the function from log MACs to the factors on `base` of the study's best networks of that cost.

    Logs of resolution and of the two depths are modelled by Gaussian processes with a linear term on the
    log MACs of the Pareto front of accuracy and MACs; further fronts are added while there are few networks.

    Args:
        evidence: Trained networks.
        networks: Architecture of each row of the evidence's `last`.
        base: Base network.
        fits: Whether each of these networks fits by its latest measurement; None if all do.

    Raises:
        StudyError: if too few networks were trained to fit a trend.
    """
    rows = evidence.last
    whole = evidence.fidelity[rows] == evidence.fidelity[rows].max()
    whole = whole if fits is None else whole & fits
    costs, values = np.log(evidence.macs(evidence.rows[rows])), evidence.values[rows]
    kept = np.flatnonzero(whole)
    kept = kept[_best(np.stack([values[kept], -costs[kept]], axis=1))]
    if len(kept) < LEAST:
        raise StudyError(
            f"The front of '{evidence.study}' has {len(kept)} networks: expected at least {LEAST}. "
            f"Continue the search with more --trials."
        )
    traits = np.log([_traits(networks[int(i)]) for i in kept])
    curves = [_curve(costs[kept], y, slope) for y, slope in zip(traits.T, _SLOPES, strict=True)]
    own = np.log(_traits(base))

    def factors_at(log_macs: float) -> ScalingFactors:
        factors = [float(np.exp(curve(log_macs) - at)) for curve, at in zip(curves, own, strict=True)]
        return ScalingFactors(
            resolution=factors[0], conv_depth=factors[1], attention_depth=factors[2], multiple=2
        )

    return factors_at


def _best(points: Floats) -> NDArray[np.bool_]:
    """Return whether each point is kept: the Pareto front, and the next fronts while there are few."""
    kept = pareto.front(points)
    while kept.sum() < 2 * LEAST and not kept.all():
        rest = np.flatnonzero(~kept)
        kept[rest[pareto.front(points[rest])]] = True
    return kept


def _traits(network: Architecture) -> list[float]:
    """Return resolution and numbers of convolution and attention blocks, each at least 0.5.

    Of a MobileViT block each transformer inside counts, as its depth factor does.
    """
    blocks = {"conv": 0.0, "attention": 0.0}
    for run in (run for stage in network.stages for run in stage.runs):
        blocks[kind_of(run.mixer)] += depth_with_parts(run)
    return [float(network.resolution), max(blocks["conv"], 0.5), max(blocks["attention"], 0.5)]


def _curve(x: Floats, y: Floats, slope: float) -> Callable[[float], float]:
    """Return the posterior mean of `y` at a log cost: a line near compound scaling's plus a Matérn process.

    A front is short and noisy, and a family extends far beyond it: the slope has a narrow prior, and the
    Matérn process returns to 0 away from the front. The share of noise and the length scale are those of a
    few candidates that maximise the likelihood of the front.
    """
    centre = float(x.mean())
    rest = y - slope * (x - centre)
    variance = max(float(rest.var()), 1e-4)
    mean = float(rest.mean())

    def between(a: Floats, b: Floats, smooth: float, length: float) -> Floats:
        columns = (torch.from_numpy(x[:, None] / length) for x in (a, b))
        line = _SLOPE**2 * np.outer(a - centre, b - centre)
        return np.asarray(variance * (1.0 + smooth * matern(*columns).numpy()) + line)

    def fitted(smooth: float, length: float) -> tuple[float, Floats]:
        covariance = between(x, x, smooth, length) + variance * (1.0 - smooth + 1e-6) * np.eye(len(x))
        weights = np.linalg.solve(covariance, rest - mean)
        evidence = -0.5 * float((rest - mean) @ weights) - 0.5 * float(np.linalg.slogdet(covariance)[1])
        return evidence, np.asarray(weights, dtype=np.float64)

    smooth, length = max(itertools.product(_SMOOTH, _LENGTHS), key=lambda s: fitted(*s)[0])
    weights = fitted(smooth, length)[1]

    def at(log_macs: float) -> float:
        towards = between(np.array([log_macs]), x, smooth, length)[0]
        return float(towards @ weights) + mean + slope * (log_macs - centre)

    return at
