"""Says how well values rank networks: Kendall's tau with bootstrap intervals, and learnt combinations."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b of some values with the truth over the same networks.

    Attributes:
        tau: Tau of each, by name.
        draws: Taus over networks drawn with replacement, the same for all names, [draws] each.
    """

    tau: dict[str, float]
    draws: dict[str, Floats]

    def interval(self, name: str) -> tuple[float, float]:
        """Return the 95 % interval of a tau."""
        low, high = np.quantile(self.draws[name], [0.025, 0.975])
        return float(low), float(high)

    def difference(self, name: str, other: str) -> tuple[float, float, float]:
        """Return by how much a tau exceeds another one, with its paired 95 % interval."""
        low, high = np.quantile(self.draws[name] - self.draws[other], [0.025, 0.975])
        return self.tau[name] - self.tau[other], float(low), float(high)


def kendall(first: Floats, second: Floats) -> float:
    """Return Kendall's tau-b; 0 where one of them is constant."""
    return float(_taus(np.ones((1, len(first))), first, second)[0])


def agreement(truth: Floats, values: Mapping[str, Floats], *, draws: int = 2_000, seed: int = 0) -> Agreement:
    """Return how well values rank networks.

    Args:
        truth: True value of each network, [n].
        values: Values by name, [n] each.
        draws: Number of bootstrap draws.
        seed: Seed of the draws.
    """
    n = len(truth)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    return Agreement(
        tau={name: kendall(value, truth) for name, value in values.items()},
        draws={name: _taus(weights, value, truth) for name, value in values.items()},
    )


def _taus(weights: Floats, first: Floats, second: Floats) -> Floats:
    """Return tau-b over networks that count as often as their weights say, [draws, n] -> [draws]."""
    a, b = (np.sign(x[:, None] - x[None, :]) for x in (first, second))

    def pairs(each: Floats) -> Floats:
        return np.asarray(np.einsum("dn,dn->d", weights @ each, weights))

    untied = np.sqrt(pairs(np.abs(a)) * pairs(np.abs(b)))
    return np.asarray(np.divide(pairs(a * b), untied, out=np.zeros(len(weights)), where=untied > 0))


@dataclass(frozen=True)
class Combination:
    """A linear combination of values that predicts the rank of a network.

    Attributes:
        mean: Mean of each value over the networks it was fitted on, [k].
        scale: Standard deviation of each, [k].
        weights: Weight of each in units of `scale`, [k].
    """

    mean: Floats
    scale: Floats
    weights: Floats

    def of(self, values: Floats) -> Floats:
        """Return the prediction for each network, [n, k] -> [n]; larger is better."""
        return np.asarray(((values - self.mean) / self.scale) @ self.weights)


def fitted(values: Floats, truth: Floats, ridge: float = 1.0) -> Combination:
    """Return the combination whose ranks are nearest to the true ones in squares.

    Args:
        values: Values of each network, [n, k].
        truth: True value of each, [n].
        ridge: Penalty of the squared weights, in networks.
    """
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    x = (values - mean) / scale
    wanted = rankdata(truth) / len(truth) - (len(truth) + 1) / (2 * len(truth))
    weights = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ wanted)
    return Combination(mean, scale, weights)
