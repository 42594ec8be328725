"""Turns a priced search space and budgets into the problem that samplers solve."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nas.bayesopt.problem import Params, Problem
from search_spaces.budget import Budget
from search_spaces.choice import Choice
from search_spaces.pricing import Prices
from search_spaces.sampling import fitting_codes

_FACTOR_COSTS: Final = ("macs", "params")


def problem_of(prices: Prices, budgets: Sequence[Budget], *, seed: int) -> Problem:
    """Return the sampling problem of a priced space under budgets.

    Args:
        prices: Space with the costs of its networks.
        budgets: Budgets of the search; those on latency are not known constraints and are left out.
        seed: Seed of all generators, at least 0.
    """
    space = prices.codes
    known = [budget for budget in budgets if budget.counted]

    def draw(rng: np.random.Generator, n: int) -> list[dict[str, Any]]:
        return [space.slots(codes) for codes in fitting_codes(prices, rng, n, known)]

    def excess(points: Sequence[Params]) -> NDArray[np.float64]:
        return prices.excess(space.of(points), known)

    def factors(points: Sequence[Params]) -> NDArray[np.float64]:
        """Return log costs, then the realised depths of convolution and attention, ``[n, 4]``."""
        codes = space.of(points)
        columns = [np.log(prices.of(codes, name).astype(np.float64)) for name in _FACTOR_COSTS]
        return np.stack([*columns, *_realised_depths(prices, codes)], axis=1)

    return Problem(
        distributions={choice.name: distribution_of(choice) for choice in space.choices},
        seed=seed,
        known_constraints_batch=excess if known else None,
        factors_batch=factors,
        canonical=lambda point: space.slots(space.of([point])[0]),
        draw=draw,
    )


def distribution_of(choice: Choice) -> BaseDistribution:
    """Return the Optuna distribution of a choice: a range for evenly spaced numbers, else categories."""
    values = choice.values
    numbers = [v for v in values if isinstance(v, int | float) and type(v) is not bool]
    if len(numbers) == len(values) and len(values) > 1:
        low, step = numbers[0], numbers[1] - numbers[0]
        # Compared exactly: a value that only nearly equals low + k step would not be found again.
        if all(low + k * step == value for k, value in enumerate(numbers)):
            if all(type(v) is int for v in numbers):
                return IntDistribution(int(low), int(numbers[-1]), step=int(step))
            return FloatDistribution(low, numbers[-1], step=step)
    return CategoricalDistribution(values)


def _realised_depths(prices: Prices, codes: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """Return the numbers of blocks with a convolutional and with an attention mixer, [n] each."""
    space = prices.codes
    totals = {"conv": np.zeros(len(codes)), "attention": np.zeros(len(codes))}
    for s, (menu, depths) in enumerate(zip(space.menus, space.depths, strict=True)):
        items = codes[:, 4 + s]
        kinds = np.array([item.kind == "attention" for item in menu])[items]
        blocks = depths[codes[:, 2], codes[:, 3], items]
        totals["attention"] += np.where(kinds, blocks, 0)
        totals["conv"] += np.where(kinds, 0, blocks)
    return [totals["conv"], totals["attention"]]
