"""Values of networks by what they say of single images, and their paired differences with intervals.

Networks see the same images, so that images which are hard for all of them cancel in a difference.
What a network is worth also varies with the seed of its training; that is estimated from several seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, nan, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dashboards.comparison import AS_GOOD, BETTER, WORSE, Evaluation
from dashboards.point_difference import Difference
from trials.training.predictions import Predictions

_ALARMS: Final = 0.05  # probability that any of several networks of equal worth is set apart from the first


@dataclass(frozen=True, slots=True, eq=False)
class ImageValues:
    """The value of one training on a split, as a mean over images.

    Attributes:
        value: Metric of the split, in [0, 1].
        parts: What each image contributes to it, with mean `value`, [n]: whether it is classified correctly,
            or for another metric the value plus the influence of the image.
    """

    value: float
    parts: NDArray[np.float64]

    @classmethod
    def of(cls, predicted: Predictions, metric: str) -> "ImageValues":
        """Return the value of predictions in a metric, one of `trials.training.evaluation.METRICS`."""
        if metric == "accuracy":
            right = (predicted.labels == predicted.classes).astype(np.float64)
            return cls(float(right.mean()), right)
        classes = int(max(predicted.labels.max(), predicted.classes.max())) + 1
        counts = np.zeros((classes, classes))
        np.add.at(counts, (predicted.labels, predicted.classes), 1.0)
        value, slopes = (_balanced_accuracy if metric == "balanced_accuracy" else _macro_f1)(counts)
        # Both metrics stay as they are when all counts are doubled: the influences have mean 0.
        influence = len(predicted.labels) * slopes[predicted.labels, predicted.classes]
        return cls(value, value + influence - float(influence.mean()))


Trainings = Mapping[int, ImageValues]
"""Values of the trainings of one network by seed."""


def evaluated(networks: Sequence[Trainings], *, exact: bool) -> list[Evaluation | None]:
    """Return what each network is worth, and how far the first is ahead of it; None where untrained.

    The 95 % intervals of all differences hold together: each has a share of 5 % (Bonferroni), so that of
    several networks as good as the first, any is set apart from it in at most 5 % of comparisons.

    Args:
        networks: Values by seed; the first network is the one that others are compared with. Of two names
            of one training the values are one object, and their difference is zero without doubt.
        exact: Whether parts are 0 or 1, the metric being the accuracy.
    """
    level = _SeedNoise.of(networks)
    others = max(1, len({_trained(network) for network in networks if network}) - bool(networks[0]))
    found: list[Evaluation | None] = []
    for place, network in enumerate(networks):
        if not network:
            found.append(None)
            continue
        common = sorted(networks[0].keys() & network.keys()) if place else []
        pair = _Pair.of(networks[0], network, common, level, exact=exact) if common else None
        whole = None if pair is None else pair.interval(_ALARMS / others)
        found.append(
            Evaluation(
                value=float(np.mean([one.value for one in network.values()])),
                standard_error=hypot(_image_error(network, exact=exact), level.error(network)),
                values={seed: network[seed].value for seed in sorted(network)},
                difference=whole,
                alone=None if pair is None else pair.interval(_ALARMS),
                seeds=len(common) if place else len(network),
                verdict=None if whole is None else _verdict(whole),
            )
        )
    return found


def _trained(network: Trainings) -> frozenset[int]:
    """Return what tells trainings from those of another network; names of one network share them."""
    return frozenset(map(id, network.values()))


def _verdict(difference: Difference) -> str:
    if difference.low > 0:
        return BETTER
    return WORSE if difference.high < 0 else AS_GOOD


@dataclass(frozen=True, slots=True)
class _SeedNoise:
    """Variance of values between seeds.

    Attributes:
        variance: Mean over the networks that were trained from several seeds; nan without any.
        freedom: Its degrees of freedom.
    """

    variance: float
    freedom: int

    @classmethod
    def of(cls, networks: Sequence[Trainings]) -> "_SeedNoise":
        different = {_trained(network): network for network in networks}
        values = [
            [one.value for one in network.values()] for network in different.values() if len(network) > 1
        ]
        freedom = sum(len(v) - 1 for v in values)
        squares = sum(float(np.var(v)) * len(v) for v in values)
        return cls(squares / freedom if freedom else nan, freedom)

    def error(self, network: Trainings) -> float:
        """Return the standard error that seeds give to the mean value of a network; 0 if nothing tells it.

        A network that varies more than the others has its own variance.
        """
        if not self.freedom:
            return 0.0
        values = [one.value for one in network.values()]
        own = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
        return sqrt(max(own, self.variance) / len(values))

    def quantile(self, alarms: float) -> float:
        """Return how many such errors an interval has on each side."""
        return float(stats.t.ppf(1 - alarms / 2, self.freedom)) if self.freedom else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two networks, trained from the same seeds and evaluated on the same images.

    Attributes:
        value: First less second value.
        first: Mean parts of the first network, [n].
        second: Mean parts of the second, [n].
        level: Standard error that seeds give to the difference.
        noise: Where that comes from.
        exact: Whether parts are means of zeros and ones.
        seeds: Number of seeds.
        same: Whether both are the same trainings.
    """

    value: float
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    level: float
    noise: _SeedNoise
    exact: bool
    seeds: int
    same: bool

    @classmethod
    def of(
        cls, first: Trainings, second: Trainings, seeds: Sequence[int], noise: _SeedNoise, *, exact: bool
    ) -> "_Pair":
        one, other = ({seed: network[seed] for seed in seeds} for network in (first, second))
        return cls(
            value=float(np.mean([one[s].value - other[s].value for s in seeds])),
            first=_mean_parts(one),
            second=_mean_parts(other),
            level=hypot(noise.error(one), noise.error(other)),
            noise=noise,
            exact=exact,
            seeds=len(seeds),
            same=all(one[s] is other[s] for s in seeds),
        )

    def interval(self, alarms: float) -> Difference:
        """Return the difference with an interval that misses the truth with a probability of `alarms`."""
        if self.same:
            return Difference(0.0, 0.0, 0.0)
        z = float(stats.norm.ppf(1 - alarms / 2))
        below, above = self._newcombe(z) if self.exact else self._normal(z)
        seeds = self.noise.quantile(alarms) * self.level
        return Difference(self.value, self.value - hypot(below, seeds), self.value + hypot(above, seeds))

    def _newcombe(self, z: float) -> tuple[float, float]:
        """Return how far Newcombe's interval for paired proportions reaches below and above the difference.

        Method 10 of Newcombe, 1998, Statistics in Medicine 17:2635: Wilson's intervals of both, squared and
        added with the correlation of the pairs, which a continuity correction makes smaller.
        """
        n = len(self.first)
        ends = [_wilson(parts, self.seeds, z) for parts in (self.first, self.second)]
        (p1, low1, high1), (p2, low2, high2) = ends
        covariance = float(np.mean(self.first * self.second)) - p1 * p2
        if covariance > 0:
            covariance = max(0.0, covariance - 0.5 / n)
        spread = float(np.std(self.first) * np.std(self.second))
        phi = covariance / spread if spread > 0 else 0.0

        def reach(one: float, other: float) -> float:
            return sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))

        return reach(p1 - low1, high2 - p2), reach(high1 - p1, p2 - low2)

    def _normal(self, z: float) -> tuple[float, float]:
        """Return the reach of a normal interval, as much wider as Wilson's is for few images."""
        n = len(self.first)
        variance = float(np.var(self.first - self.second)) / n
        half = z * sqrt(variance + z**2 / (4 * n**2)) / (1 + z**2 / n)
        return half, half


def _mean_parts(network: Trainings) -> NDArray[np.float64]:
    return np.mean([one.parts for one in network.values()], axis=0)


def _wilson(parts: NDArray[np.float64], seeds: int, z: float) -> tuple[float, float, float]:
    """Return the mean of parts in [0, 1] with the ends of Wilson's interval.

    Means over seeds vary less between images than zeros and ones do; they count as so many more images.
    """
    n, p = len(parts), float(np.mean(parts))
    variance = float(np.var(parts))
    count = min(n * seeds, n * p * (1 - p) / variance) if variance > 0 else float(n)
    centre = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * sqrt(p * (1 - p) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return p, min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))


def _image_error(network: Trainings, *, exact: bool) -> float:
    """Return the standard error that the choice of images gives to the value of a network."""
    parts = _mean_parts(network)
    z, n = 1.96, len(parts)
    if not exact:
        return sqrt(float(np.var(parts)) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    variance, p = float(np.var(parts)), float(np.mean(parts))
    count = min(n * len(network), n * p * (1 - p) / variance) if variance > 0 else float(n)
    return sqrt(p * (1 - p) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)


def _balanced_accuracy(counts: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the mean recall of a confusion matrix, rows are labels, and its slope in each count."""
    labelled = counts.sum(1)
    there = labelled > 0
    shares = np.where(there, 1.0 / np.maximum(labelled, 1.0), 0.0) / there.sum()
    recall = np.where(there, counts.diagonal() / np.maximum(labelled, 1.0), 0.0)
    slopes = -np.repeat((shares * recall)[:, None], len(counts), axis=1)
    slopes[np.diag_indices_from(slopes)] += shares
    return float(recall[there].mean()), slopes


def _macro_f1(counts: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the mean F1 score over classes that have images, and its slope in each count."""
    labelled, predicted = counts.sum(1), counts.sum(0)
    there = labelled > 0
    total = np.maximum(labelled + predicted, 1.0)
    score = np.where(there, 2 * counts.diagonal() / total, 0.0)
    less = np.where(there, score / total, 0.0) / there.sum()
    slopes = -(less[:, None] + less[None, :])
    slopes[np.diag_indices_from(slopes)] += np.where(there, 2 / total, 0.0) / there.sum()
    return float(score[there].mean()), slopes
