"""Turns a priced search space and budgets into the problem that samplers solve."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nas.bayesopt.counts import counts_of_space
from nas.bayesopt.problem import Params, Problem
from search_spaces.budget import Budget
from search_spaces.choice import Choice
from search_spaces.pricing import Prices
from search_spaces.sampling import fitting_codes


def problem_of(prices: Prices, budgets: Sequence[Budget], *, seed: int) -> Problem:
    """Return the sampling problem of a priced space under budgets.

    Samplers get what `nas bench` gives them: parameters, known constraints, and exact counts as evidence.

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

    return Problem(
        distributions={choice.name: distribution_of(choice) for choice in space.choices},
        seed=seed,
        known_constraints_batch=excess if known else None,
        canonical=lambda point: space.slots(space.of([point])[0]),
        draw=draw,
        evidence=counts_of_space(prices),
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
