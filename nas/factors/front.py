"""The shapes of the best networks of a study as functions of their cost: Gaussian processes on its front."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas import pareto
from nas.factors.evidence import Evidence, Floats
from nas.stretching import Shape, kind_of
from nas.surrogates.factor_gp import FactorGP, Inputs
from search_spaces.architecture import Architecture
from search_spaces.errors import StudyError

LEAST: Final = 3
"""Networks on a front from which a trend can be told."""

_SPAN: Final = 3.0  # log MACs over which the process counts as one unit of its inputs


def front_of(
    evidence: Evidence, networks: Sequence[Architecture], base: Architecture
) -> Callable[[float], Shape]:
    """Return log MACs to the factors on `base` of the study's best networks of that cost.

    Resolution and the two depths are modelled in logs, each a Gaussian process with a straight line inside
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
    curves = [_curve(costs[kept], column) for column in traits.T]
    own = np.log(_traits(base))

    def shape(log_macs: float) -> Shape:
        factors = [float(np.exp(curve(log_macs) - at)) for curve, at in zip(curves, own, strict=True)]
        return Shape(resolution=factors[0], conv_depth=factors[1], attention_depth=factors[2], multiple=2)

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
        blocks[kind_of(stage)] += stage.depth
    return [float(network.resolution), max(blocks["conv"], 0.5), max(blocks["attention"], 0.5)]


def _curve(x: Floats, y: Floats) -> Callable[[float], float]:
    """Return the posterior mean of `y` at a log cost, from the product's own process on one price."""
    reference = np.linspace(x.mean() - _SPAN, x.mean() + _SPAN, 33)[:, None]
    surrogate = FactorGP([], reference)

    def inputs(at: Floats) -> Inputs:
        return Inputs(np.zeros((len(at), 0)), at[:, None], np.ones(len(at)))

    posterior = surrogate.fitted(inputs(x), y)
    return lambda at: float(posterior.predict(inputs(np.array([at])))[0][0])
