"""Says how well values rank networks: Kendall's tau with bootstrap intervals, and learnt combinations."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    return float(weighted_taus(np.ones((1, len(first))), first, second)[0])


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
        draws={name: weighted_taus(weights, value, truth) for name, value in values.items()},
    )


def weighted_taus(weights: Floats, first: Floats, second: Floats) -> Floats:
    """Return tau-b over networks that count as often as their weights say, [draws, n] -> [draws]."""
    a, b = (np.sign(x[:, None] - x[None, :]) for x in (first, second))

    def pairs(each: Floats) -> Floats:
        return np.asarray(np.einsum("dn,dn->d", weights @ each, weights))

    untied = np.sqrt(pairs(np.abs(a)) * pairs(np.abs(b)))
    return np.asarray(np.divide(pairs(a * b), untied, out=np.zeros(len(weights)), where=untied > 0))


@dataclass(frozen=True)
class Combination:
    """A linear combination of the ranks of values that predicts the rank of a network.

    Attributes:
        seen: The values that it was fitted on, each column sorted, [n, k].
        weights: Weight of the rank of each value, [k].
    """

    seen: Floats
    weights: Floats

    def of(self, values: Floats) -> Floats:
        """Return the prediction for each network, [m, k] -> [m]; larger is better."""
        return np.asarray(_ranks(self.seen, values) @ self.weights)


def fitted(values: Floats, truth: Floats, ridge: float = 1.0) -> Combination:
    """Return the combination that is nearest to the true ranks in squares.

    Args:
        values: Values of each network, [n, k].
        truth: True value of each, [n].
        ridge: Penalty of the squared weights, in networks at one standard deviation from the middle rank.
    """
    seen = np.sort(values, axis=0)
    x = _ranks(seen, values)
    wanted = _ranks(np.sort(truth)[:, None], truth[:, None])[:, 0]
    weights = np.asarray(
        np.linalg.solve(x.T @ x + ridge / 12 * np.eye(x.shape[1]), x.T @ wanted), dtype=np.float64
    )
    return Combination(seen, weights)


def _ranks(seen: Floats, values: Floats) -> Floats:
    """Return the share of seen values below each value, equal ones half, minus one half: [m, k]."""
    columns = [
        (np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right")) / 2
        for known, column in zip(seen.T, values.T, strict=True)
    ]
    return np.asarray(np.stack(columns, axis=1) / len(seen) - 0.5)
