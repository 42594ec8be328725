"""Draws networks of a space uniformly from the distinct ones that fit the budgets."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.budget import Budget
from search_spaces.budget_counting import Ways, ways
from search_spaces.costs import format_cost
from search_spaces.errors import NothingFitsError
from search_spaces.network_codes import NetworkCodes
from search_spaces.pricing import Prices

_BATCH: Final = 2_048  # uniform draws that tell whether many networks fit
_PLENTY: Final = 0.02  # the share from which drawing until one fits is the faster way
_FEW: Final = 20_000  # networks that are listed rather than drawn
_STILL_LISTED: Final = 1_000_000  # networks that are listed where drawing yields too few distinct ones
_MOST_DRAWS: Final = 1_000_000


def uniform_codes(codes: NetworkCodes, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Return `n` rows of codes, [n, codes], uniform over the distinct networks of a space.

    A network that several codes describe is kept under its canonical one only, so that it is not
    drawn more often than another.
    """
    kept: list[NDArray[np.int64]] = []
    missing = n
    while missing > 0:
        draws = rng.integers(0, codes.radices, size=(max(64, 2 * missing), len(codes.radices)))
        draws = draws[(codes.canonical(draws) == draws).all(axis=1)]
        kept.append(draws[:missing])
        missing -= len(kept[-1])
    return np.concatenate(kept) if kept else np.empty((0, len(codes.radices)), np.int64)


def fitting_codes(
    prices: Prices,
    rng: np.random.Generator,
    n: int,
    budgets: Sequence[Budget],
    *,
    distinct: bool = False,
) -> NDArray[np.int64]:
    """Return `n` rows of codes, [n, codes], uniform over the networks that fit all known budgets.

    Where many networks fit, uniform ones are drawn and the others left out; where few do, those that fit are
    counted first (`search_spaces.budget_counting`).

    Args:
        prices: Prices of the space for one kind of image.
        rng: Random generator.
        n: Number of rows, at least 0.
        budgets: All hold at once; latencies are not known here.
        distinct: Whether no network may come twice; then fewer than `n` rows mean that no more fit, or that
            a million draws found no more.

    Raises:
        NothingFitsError: if no network fits; says what the smallest needs.
    """
    _check_each(prices, budgets)
    known = tuple(budget for budget in budgets if budget.counted)
    codes = _kept(prices, uniform_codes(prices.codes, rng, _BATCH), known)
    tabled = len(codes) < _BATCH * _PLENTY
    if not tabled:
        draw = partial(uniform_codes, prices.codes, rng)
    else:
        table = ways(prices, known)
        if table.total <= max(_FEW, 4 * n):
            return _among(rng, _every(prices, table, known), n, distinct=distinct)
        codes, draw = codes[:0], partial(table.draw, rng)
    if distinct:
        codes = _first_of_each(codes)
    drawn = 0
    while len(codes) < n:
        if drawn > _MOST_DRAWS and not len(codes):
            raise _nothing(prices, known)
        share = max(len(codes), 1) / max(drawn, 1)
        batch = int(min(max(1.1 * (n - len(codes)) / share, 256), 16_384)) if drawn else max(n, 256)
        codes = np.concatenate([codes, _kept(prices, draw(batch), known)])
        drawn += batch
        if distinct:
            codes = _first_of_each(codes)
            if drawn > 50 * n and len(codes) < n:
                table = ways(prices, known)
                if table.total <= max(_STILL_LISTED, 4 * n):
                    return _among(rng, _every(prices, table, known), n, distinct=True)
                if tabled and drawn > _MOST_DRAWS:
                    break
                if not tabled:
                    draw, drawn, tabled = partial(table.draw, rng), 0, True
    return codes[:n]


def _kept(prices: Prices, codes: NDArray[np.int64], budgets: Sequence[Budget]) -> NDArray[np.int64]:
    """Return the rows that are canonical and fit."""
    codes = codes[(prices.excess(codes, budgets) <= 0).all(axis=1)]
    return codes[(prices.codes.canonical(codes) == codes).all(axis=1)]


def _every(prices: Prices, table: Ways, budgets: Sequence[Budget]) -> NDArray[np.int64]:
    codes = _kept(prices, table.every(), budgets)
    if not len(codes):
        raise _nothing(prices, budgets)
    return codes


def _among(
    rng: np.random.Generator, codes: NDArray[np.int64], n: int, *, distinct: bool
) -> NDArray[np.int64]:
    if distinct:
        return codes[rng.permutation(len(codes))[:n]]
    return codes[rng.integers(len(codes), size=n)]


def _first_of_each(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows without repetitions, in the order in which they came."""
    return codes[np.sort(np.unique(codes, axis=0, return_index=True)[1])]


def _nothing(prices: Prices, budgets: Sequence[Budget]) -> NothingFitsError:
    return NothingFitsError(
        f"No network in {prices.codes.name} fits {' and '.join(map(str, budgets))} together, though some fit "
        f"each alone. Raise one of the budgets or choose another space."
    )


def check_satisfiable(prices: Prices, budgets: Sequence[Budget]) -> None:
    """Raise unless a network of the space meets all known budgets together.

    Raises:
        NothingFitsError: says what the smallest network needs, or that the budgets exclude each other.
    """
    fitting_codes(prices, np.random.default_rng(0), 1, budgets)


def _check_each(prices: Prices, budgets: Sequence[Budget]) -> None:
    """Raise unless each known budget alone is met by the smallest network of the space."""
    for budget in budgets:
        if not budget.counted:
            continue
        least, _ = prices.extremes(budget.resource)
        if budget.excess(least) > 0:
            needs = least * (budget.bytes_per_element / 4)
            text = format_cost(budget.resource, needs)
            raise NothingFitsError(
                f"No network in {prices.codes.name} fits {budget}: the smallest needs {text} "
                f"{budget.resource}. Raise the budget or choose another space."
            )


def share_that_fits(
    prices: Prices, rng: np.random.Generator, budgets: Sequence[Budget], *, draws: int = 20_000
) -> float:
    """Return the estimated share of a space's networks that fit all budgets.

    From uniform draws; where hardly any of them fits, from a count of those that do, so that a share of one
    in a million is distinguished from none.
    """
    known = tuple(budget for budget in budgets if budget.counted)
    fitting = len(_kept(prices, uniform_codes(prices.codes, rng, draws), known))
    if fitting >= _PLENTY * draws:
        return fitting / draws
    table = ways(prices, known)
    if table.total <= _FEW:
        return len(_kept(prices, table.every(), known)) / prices.codes.size
    return table.total * len(_kept(prices, table.draw(rng, draws), known)) / draws / prices.codes.size
