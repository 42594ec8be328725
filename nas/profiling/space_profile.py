"""Profiles a search space under budgets without training: size, feasible share, costs, factors."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.budget import Budget
from search_spaces.catalog_fit import check_fits
from search_spaces.choice import GLOBALS, Choice
from search_spaces.costs import COSTS
from search_spaces.network_codes import NetworkCodes
from search_spaces.patterns import PATTERNS
from search_spaces.pricing import Prices
from search_spaces.sampling import fitting_codes, share_that_fits, uniform_codes
from search_spaces.stage_choices import stage_slots

VERSION: Final = 1
QUANTILES: Final = (0.1, 0.5, 0.9)
_DRAWS: Final = 20_000
_FITTING: Final = 2_000
_FEW: Final = 400  # draws that fit, below which shares are counted instead


@dataclass(frozen=True, slots=True, kw_only=True)
class CostProfile:
    """One cost over a space.

    Attributes:
        smallest: Lowest cost of a network; memory in bytes.
        largest: Highest cost of a network.
        everywhere: 10 %, 50 % and 90 % quantiles over the space.
        fitting: 10 %, 50 % and 90 % quantiles over the feasible networks.
    """

    smallest: int
    largest: int
    everywhere: tuple[float, ...]
    fitting: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceProfile:
    """Search space under budgets.

    Attributes:
        space: Name of the space.
        size: Number of distinct networks.
        budgets: Texts of the counted budgets.
        share: Feasible share of the networks, in [0, 1], estimated from uniform draws, or from a count of
            those that fit where they are few.
        costs: Profile of each cost by name.
        factors: Feasible share of the networks with each value of each global factor, option of the skeleton,
            and width, block and pattern of each stage.
        unconsidered: Texts of the budgets that have to be measured: networks may exceed them.
    """

    space: str
    size: int
    budgets: tuple[str, ...]
    share: float
    costs: dict[str, CostProfile]
    factors: dict[str, dict[str, float]]
    unconsidered: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version."""
        return {"version": VERSION, **asdict(self)}


def profile_space(prices: Prices, budgets: Sequence[Budget], rng: np.random.Generator) -> SpaceProfile:
    """Return the profile of a priced space under budgets; those on latency are not considered.

    Raises:
        NothingFitsError: if no network fits; gives the cost of the smallest network.
    """
    check_fits(prices, budgets)
    space = prices.codes.space
    draws = uniform_codes(prices.codes, rng, _DRAWS)
    fits = np.asarray((prices.excess(draws, budgets) <= 0).all(axis=1))
    fitting = fitting_codes(prices, rng, _FITTING, budgets)
    costs = {}
    for name in COSTS:
        smallest, largest = prices.extremes(name)
        everywhere, within = (
            tuple(float(q) for q in np.quantile(prices.of(codes, name), QUANTILES))
            for codes in (draws, fitting)
        )
        costs[name] = CostProfile(smallest=smallest, largest=largest, everywhere=everywhere, fitting=within)
    few = fits.sum() < _FEW
    share = share_that_fits(prices, rng, budgets) if few else float(fits.mean())
    factors = {
        choice.name: {
            str(value): _among(picked == index, within == index, share)
            if few or not (picked == index).any()
            else float(fits[picked == index].mean())
            for index, value in enumerate(choice.values)
            if (picked == index).any() or (within == index).any()
        }
        for (choice, picked), (_, within) in zip(
            _picked(prices.codes, draws), _picked(prices.codes, fitting), strict=True
        )
    }
    return SpaceProfile(
        space=space.name,
        size=prices.codes.size,
        budgets=tuple(str(budget) for budget in budgets if budget.counted),
        share=share,
        costs=costs,
        factors=factors,
        unconsidered=tuple(str(budget) for budget in budgets if not budget.counted),
    )


def _among(drawn: NDArray[np.bool_], fitting: NDArray[np.bool_], share: float) -> float:
    """Return the feasible share of the networks with a value by Bayes' rule.

    Args:
        drawn: Whether each network of the space has the value, [n].
        fitting: Whether each network that fits has it, [k].
        share: Feasible share of the space, in [0, 1].
    """
    return min(1.0, share * float(fitting.mean()) / max(float(drawn.mean()), 1 / len(drawn)))


def _picked(codes: NetworkCodes, rows: NDArray[np.int64]) -> Iterator[tuple[Choice, NDArray[np.int64]]]:
    """Yield each factor of a space with the index of the value that each of some networks has, [n].

    Args:
        codes: The encoding.
        rows: Rows of codes, [n, codes].
    """
    chosen = [dict(options) for options in codes.skeletons]
    for column, choice in enumerate(codes.choices):
        stage, _, slot = choice.name.rpartition(".")
        if column < len(GLOBALS):
            yield choice, rows[:, column]
        elif not stage:
            values = np.array([choice.values.index(options[choice.name]) for options in chosen])
            yield choice, values[rows[:, len(GLOBALS)]]
        elif slot in {"width", "block"} or slot in PATTERNS:
            number = int(stage.removeprefix("stage")) - 1
            place = list(stage_slots(codes.space.stages[number])).index(slot)
            values = np.array([choice.values.index(item.slots[place]) for item in codes.menus[number]])
            yield choice, values[rows[:, codes.offset + number]]
