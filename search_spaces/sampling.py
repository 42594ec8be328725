"""Draws networks of a space, uniform over the distinct ones that fit the budgets."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_spaces.budget import Budget
from search_spaces.errors import NothingFitsError
from search_spaces.pricing import Prices
from search_spaces.space import SearchSpace
from search_spaces.units import format_bytes, format_count

_BATCH = 8_192
_MOST_DRAWS = 4_000_000


def uniform_codes(space: SearchSpace, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Return `n` rows of codes, [n, 4 + stages], uniform over the distinct networks of a space.

    A network that several codes describe is kept under its canonical one only, so that it is not
    drawn more often than another.
    """
    kept: list[NDArray[np.int64]] = []
    missing = n
    while missing > 0:
        draws = rng.integers(0, space.radices, size=(max(64, 2 * missing), len(space.radices)))
        draws = draws[(space.canonical(draws) == draws).all(axis=1)]
        kept.append(draws[:missing])
        missing -= len(kept[-1])
    return np.concatenate(kept) if kept else np.empty((0, len(space.radices)), np.int64)


def fitting_codes(
    prices: Prices, rng: np.random.Generator, n: int, budgets: Sequence[Budget]
) -> NDArray[np.int64]:
    """Return `n` rows of codes, [n, 4 + stages], uniform over the networks that fit all budgets.

    Raises:
        NothingFitsError: if no network fits, or none was found among four million.
    """
    check_satisfiable(prices, budgets)
    kept: list[NDArray[np.int64]] = []
    missing, drawn = n, 0
    while missing > 0:
        if drawn >= _MOST_DRAWS and not kept:
            raise NothingFitsError(
                f"No network of {prices.space.name} among {drawn:,} fits "
                f"{' and '.join(map(str, budgets))} together. Raise one of the budgets."
            )
        codes = uniform_codes(prices.space, rng, _BATCH)
        drawn += len(codes)
        codes = codes[(prices.excess(codes, budgets) <= 0).all(axis=1)][:missing]
        if len(codes):
            kept.append(codes)
            missing -= len(codes)
    return np.concatenate(kept) if kept else np.empty((0, len(prices.space.radices)), np.int64)


def check_satisfiable(prices: Prices, budgets: Sequence[Budget]) -> None:
    """Raise unless each known budget alone is met by the smallest network of the space.

    Raises:
        NothingFitsError: says what the smallest network needs.
    """
    for budget in budgets:
        if not budget.known:
            continue
        least, _ = prices.extremes(budget.resource)
        if budget.excess(least) > 0:
            needs = least * (budget.bytes_per_element / 4)
            text = format_bytes(needs) if budget.resource in {"peak", "weights"} else format_count(needs)
            raise NothingFitsError(
                f"No network in {prices.space.name} fits {budget}: the smallest needs {text} "
                f"{budget.resource}. Raise the budget or choose another space."
            )


def share_that_fits(
    prices: Prices, rng: np.random.Generator, budgets: Sequence[Budget], *, draws: int = 20_000
) -> float:
    """Return the estimated share of a space's networks that fit all budgets, from uniform draws."""
    codes = uniform_codes(prices.space, rng, draws)
    return float((prices.excess(codes, budgets) <= 0).all(axis=1).mean())
