"""What published accuracies let expect of the networks of a space, as a source of evidence.

A straight line through the logarithm of the error of published networks on ImageNet-1k (trained from it
alone, without a teacher) over the logarithms of MACs, parameters and resolution. It ranks networks of equal
MACs too, where MACs say nothing. It is in no search by itself: the families, the recipes and the images are
others, and a study learns how far to trust it. A search of one's own takes it by

    FactorGPSampler(..., evidence=[published_source(prices(space.codes, num_classes=10))])
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.problem import Params, Source
from search_spaces.counting import count
from search_spaces.graph_counts import graph_counts
from search_spaces.pricing import Prices
from search_spaces.published import reference, references
from search_spaces.published_results import published_results

Floats = NDArray[np.float64]
Line = Callable[[Floats], Floats]

_SHRUNK: Final = 1e-3  # ridge, in variances of a factor: the three are alike


def published_source(prices: Prices) -> Source:
    """Return the source: the expected accuracy of each network on ImageNet-1k, in percent.

    Networks of a space for small images lie far from all published ones; their order is what is meant.

    Args:
        prices: Networks of the space with their costs.
    """

    def expects(points: Sequence[Params]) -> Floats:
        rows = prices.codes.of(points)
        counts = graph_counts(
            prices.codes, rows, num_classes=prices.num_classes, in_channels=prices.in_channels
        )
        sides = np.log(np.array(prices.codes.space.resolution, dtype=np.float64))[rows[:, 0]]
        factors = np.stack([counts["log_macs"], counts["log_params"], sides], axis=1)
        return 100 - np.exp(_line()(factors))

    return Source(name="published", expects=expects, of_value=True)


def line_through(names: Iterable[str]) -> Line:
    """Return the log error in percent that some published networks let expect, of factors ``[n, 3]``."""
    known = {name: top1 for name in names if (top1 := _plain_top1(name)) is not None}
    factors = np.array([factors_of(name) for name in known])
    errors = np.log(100 - np.array(list(known.values())))
    mean, deviation = factors.mean(axis=0), factors.std(axis=0)
    scaled = (factors - mean) / deviation
    gram = scaled.T @ scaled + _SHRUNK * len(scaled) * np.eye(3)
    weights = np.linalg.solve(gram, scaled.T @ (errors - errors.mean()))
    return lambda given: (given - mean) / deviation @ weights + errors.mean()


def factors_of(name: str) -> tuple[float, float, float]:
    """Return log MACs, log parameters and log resolution of a published network, for 1,000 classes."""
    network = reference(name)
    costs = count(network, num_classes=1000, deploy=True)
    return float(np.log(costs.macs)), float(np.log(costs.params)), float(np.log(network.resolution))


def _plain_top1(name: str) -> float | None:
    """Return the first published accuracy in percent without a teacher or more images; None without one."""
    return next((result.top1 for result in published_results(name) if result.plain), None)


@cache
def _line() -> Line:
    return line_through(references())
