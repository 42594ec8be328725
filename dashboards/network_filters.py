"""Filters the networks of a search: those within budgets, and the Pareto front."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from dashboards.result import SearchResult, TrialResult, best_first
from search_spaces.budget import Budget

Cost: TypeAlias = Callable[[TrialResult], float | None]
"""What a network costs, less is better; None where it was not measured."""


def selected(result: SearchResult, *, pareto: bool = False, fits: Sequence[Budget] = ()) -> SearchResult:
    """Return a search with some of its networks.

    Args:
        result: The search so far.
        pareto: Whether only the Pareto front is left, as `unbeaten` defines it.
        fits: Budgets that the networks left meet; what was not counted or measured meets none.
    """
    networks = [n for n in result.networks if all(keeps(n, budget) for budget in fits)]
    left = best_first(unbeaten(networks) if pareto else networks)
    return replace(result, networks=left, fits=tuple(fits), pareto=pareto)


def keeps(network: TrialResult, budget: Budget) -> bool:
    """Return whether a network is known to meet a budget, also one that the search did not ask for.

    A latency is compared by its upper bound, as the search compares it.
    """
    if budget.counted:
        cost = network.costs.get(budget.resource)
        return cost is not None and budget.excess(cost) <= 0
    bound_ms = (network.latency_bound_ms or {}).get(budget.measured)
    return bound_ms is not None and bound_ms <= budget.limit


def unbeaten(networks: Iterable[TrialResult], *, by: Sequence[Cost] | None = None) -> list[TrialResult]:
    """Return the Pareto front of the networks that were trained to the end and fit, in the order given.

    One network beats another if it is nowhere worse in accuracy and costs, and better in at least one. The
    accuracy is the expected one where the study stores it, as everywhere where networks are compared.

    Args:
        networks: Networks of one search.
        by: Costs that are compared besides accuracy; a network without one of them is left out. By default
            MACs, parameters and each latency that all of the networks have.
    """
    whole = [n for n in networks if n.state == "complete" and n.fits and n.accuracy is not None]
    costs = _shared_costs(whole) if by is None else by
    points = [(network, point) for network in whole if (point := _point(network, costs)) is not None]
    front: set[tuple[float, ...]] = set()
    for _, point in sorted(points, key=lambda pair: pair[1]):  # whoever beats a point comes before it
        if not any(_beats(other, point) for other in front):
            front.add(point)
    return [network for network, point in points if point in front]


def _shared_costs(networks: Sequence[TrialResult]) -> list[Cost]:
    """Return MACs, parameters and the latency on each target where all of the networks were measured."""
    targets = set.intersection(*(set(n.latency_ms or {}) for n in networks)) if networks else set()
    return [
        lambda network: network.costs["macs"],
        lambda network: network.costs["params"],
        *(latency_on(target) for target in sorted(targets)),
    ]


def latency_on(target: str) -> Cost:
    """Return the measured latency on a target as a cost, in milliseconds."""
    return lambda network: (network.latency_ms or {}).get(target)


def _point(network: TrialResult, costs: Sequence[Cost]) -> tuple[float, ...] | None:
    """Return accuracy and costs as numbers of which less is better; None where one is not known."""
    known = [value for cost in costs if (value := cost(network)) is not None]
    return (-network.merit, *known) if len(known) == len(costs) else None


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Return whether one point is nowhere worse than another, and better somewhere."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
