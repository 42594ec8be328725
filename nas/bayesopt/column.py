"""Encodes the values of one parameter as levels, draws them and moves them on the parameter's scale.

The level of a discrete parameter is the index of its value, ``0 .. levels - 1``; that of a continuous
parameter is its position between its bounds, in [0, 1], on the scale of its distribution.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nas.bayesopt.errors import ProblemError

Levels = NDArray[np.float64]

FEW: Final = 64
"""Maximum number of values that are distinguished one by one; more numbers are a smooth scale."""

_EXACT: Final = 2.0**53  # up to which floating point numbers count one by one


@dataclass(frozen=True)
class Column:
    """One parameter of a grid.

    Attributes:
        name: Name of the parameter.
        distribution: Optuna distribution of the parameter, without choices that Optuna stores as an earlier
            one, such as 1.0 beside 1.
        levels: Number of values; 0 for a continuous parameter.
        ordered: Whether its values are numbers rather than categories.
    """

    name: str
    distribution: BaseDistribution
    levels: int
    ordered: bool

    @classmethod
    def of(cls, name: str, distribution: BaseDistribution) -> "Column":
        """Return the column of one parameter.

        Raises:
            ProblemError: if the distribution is of an unknown class.
        """
        match distribution:
            case CategoricalDistribution(choices=choices):
                kept = [c for i, c in enumerate(choices) if distribution.to_internal_repr(c) == i]
                if len(kept) < len(choices):
                    distribution = CategoricalDistribution(kept)
                numbers = all(
                    isinstance(c, int | float) and not isinstance(c, bool) and math.isfinite(c) for c in kept
                )
                return cls(name, distribution, len(kept), numbers)
            case IntDistribution():
                span = distribution.high - distribution.low
                return cls(name, distribution, span // distribution.step + 1, ordered=True)
            case FloatDistribution(step=None):
                return cls(name, distribution, 0, ordered=True)
            case FloatDistribution(step=float(width)):
                count = round((distribution.high - distribution.low) / width) + 1
                return cls(name, distribution, count, ordered=True)
        raise ProblemError(
            f"Cannot read the parameter '{name}': expected a categorical, int or float "
            f"distribution, not {distribution!r}."
        )

    @property
    def smooth(self) -> bool:
        """Whether its values are a scale of positions rather than distinguished one by one."""
        return self.ordered and not 0 < self.levels <= FEW

    def value(self, level: float) -> Any:
        """Return the parameter value at `level`."""
        return self.values(np.array([level]))[0]

    def values(self, levels: Levels) -> list[Any]:
        """Return the parameter values at `levels`."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                return [choices[i] for i in np.rint(levels).astype(np.int64).tolist()]
            case IntDistribution(low=low, high=high, step=step) if max(-low, high + step) < _EXACT:
                steps = np.rint(levels).astype(np.int64)
                whole: list[Any] = np.minimum(low + steps * step, high).tolist()
                return whole
            case IntDistribution(low=low, high=high, step=step):
                # Python's integers: a range may be longer than 64 bits, and its end not a multiple of 2.
                return [min(low + int(i) * step, high) for i in np.rint(levels).tolist()]
            case FloatDistribution(low=low, high=high, step=step, log=log):
                if step is not None:
                    numbers = low + np.rint(levels) * step
                elif log:
                    numbers = np.exp(np.log(low) + levels * (np.log(high) - np.log(low)))
                elif math.isfinite(high - low):
                    numbers = low + levels * (high - low)
                else:
                    numbers = low * (1 - levels) + high * levels
                found: list[Any] = np.clip(numbers, low, high).tolist()
                return found
        raise AssertionError(self.distribution)

    def level(self, value: Any) -> float:
        """Return the level of `value`."""
        match self.distribution:
            case CategoricalDistribution():
                return float(self.distribution.to_internal_repr(value))
            case IntDistribution(low=low, step=step):
                return float((int(value) - low) // step)
            case FloatDistribution(low=low, step=float(width)):
                return float(round((float(value) - low) / width))
            case FloatDistribution(low=low, high=high, log=log):
                if high == low:
                    return 0.0
                if log:
                    return (math.log(float(value)) - math.log(low)) / (math.log(high) - math.log(low))
                if not math.isfinite(high - low):
                    return (float(value) / 2 - low / 2) / (high / 2 - low / 2)
                return (float(value) - low) / (high - low)
        raise AssertionError(self.distribution)

    def positions(self, levels: Levels) -> Levels:
        """Return the positions of ordered `levels` on the scale of the distribution, in [0, 1]."""
        match self.distribution:
            case CategoricalDistribution():
                return self._ranks()[np.rint(levels).astype(np.int64)] / max(self.levels - 1, 1)
            case IntDistribution(low=low, high=high, step=step, log=True):
                return np.asarray(np.log((low + levels * step) / low) / (math.log(high / low) or 1.0))
        return levels if self.levels == 0 else levels / max(self.levels - 1, 1)

    def at(self, positions: Levels) -> Levels:
        """Return the levels nearest to `positions` on the scale of the distribution; clipped to its ends."""
        positions = np.clip(positions, 0.0, 1.0)
        match self.distribution:
            case CategoricalDistribution():
                order = np.argsort(self._ranks(), kind="stable")
                return order[np.rint(positions * (self.levels - 1)).astype(np.int64)].astype(np.float64)
            case IntDistribution(low=low, high=high, log=True):
                numbers = low * np.exp(positions * (math.log(high / low) or 1.0))
                return np.clip(np.rint(numbers), low, high) - low
        return positions if self.levels == 0 else np.rint(positions * (self.levels - 1))

    def weights(self, levels: Levels) -> Levels:
        """Return how probable each of the `levels` of a discrete parameter is in a draw, up to a factor."""
        match self.distribution:
            case IntDistribution(low=low, log=True):
                return np.log((low + levels + 0.5) / (low + levels - 0.5))
        return np.ones(len(levels))

    def draw(self, rng: np.random.Generator, n: int) -> Levels:
        """Return `n` levels, uniform on the scale of the distribution."""
        if self.levels == 0:
            return rng.random(n)
        match self.distribution:
            case IntDistribution(low=low, high=high, log=True):
                ends = math.log(low - 0.5), math.log(high + 0.5)
                return np.clip(np.rint(np.exp(rng.uniform(*ends, n))), float(low), float(high)) - low
        if self.levels > _EXACT:
            return np.floor(rng.random(n) * self.levels)
        return rng.integers(0, self.levels, n).astype(np.float64)

    def moved(self, rng: np.random.Generator, levels: Levels) -> Levels:
        """Return other levels than `levels`; half of them near, if there are many."""
        n = len(levels)
        near = drawn = self.draw(rng, n)
        if self.ordered and not 0 < self.levels <= 9:
            steps = rng.normal(0.0, 0.1, n)
            if self.smooth:  # near on every scale: tenths to thousandths of the range
                steps *= 10.0 ** -rng.uniform(0.0, 2.0, n)
            near = self.at(self.positions(levels) + steps)
        moved = np.where(rng.random(n) < 0.5, near, drawn)
        if self.levels > 1:
            moved = np.where(moved == levels, (levels + 1) % self.levels, moved)
        return moved

    def adjacent(self, level: float) -> Levels:
        """Return the levels of the values before and after that at `level` on an ordered scale."""
        if self.levels and isinstance(self.distribution, CategoricalDistribution):
            here = self.positions(np.array([level]))
            return self.at(here + np.array([-1.0, 1.0]) / (self.levels - 1))
        step, top = (1.0, self.levels - 1.0) if self.levels else (0.01, 1.0)
        return np.clip(np.array([level - step, level + step]), 0.0, top)

    def _ranks(self) -> NDArray[np.int64]:
        """Return the rank of each choice among numbers."""
        assert isinstance(self.distribution, CategoricalDistribution)
        return np.argsort(np.argsort(np.asarray(self.distribution.choices, dtype=np.float64)))
