"""Picks networks out of a search."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from dashboards.result import SearchResult, TrialResult, best_first
from search_spaces.budget import Budget


def selected(result: SearchResult, *, pareto: bool = False, fits: Sequence[Budget] = ()) -> SearchResult:
    """Return a search with some of its networks.

    Args:
        result: The search so far.
        pareto: Whether only networks are left that no other beats in accuracy, MACs, parameters and latency.
        fits: Budgets that those left keep; what was not counted or measured keeps none.
    """
    networks = [n for n in result.networks if all(keeps(n, budget) for budget in fits)]
    return replace(result, networks=best_first(unbeaten(networks) if pareto else networks))


def keeps(network: TrialResult, budget: Budget) -> bool:
    """Return whether a network is known to meet a budget, also one that the search did not ask for.

    A latency is compared by its upper bound, as the search compares it.
    """
    if budget.counted:
        cost = network.costs.get(budget.resource)
        return cost is not None and budget.excess(cost) <= 0
    bound_ms = (network.latency_bound_ms or {}).get(str(budget.target))
    return bound_ms is not None and bound_ms <= budget.limit


def unbeaten(networks: Iterable[TrialResult]) -> list[TrialResult]:
    """Return the whole trainings that fit and that none beats in every respect at once.

    Respects are accuracy, MACs, parameters and the latency on each target where all were measured.
    """
    whole = [n for n in networks if n.state == "complete" and n.fits and n.accuracy is not None]
    targets = set.intersection(*(set(n.latency_ms or {}) for n in whole)) if whole else set()

    def costs(network: TrialResult) -> tuple[float, ...]:
        latency = network.latency_ms or {}
        return (network.costs["macs"], network.costs["params"], *(latency[t] for t in sorted(targets)))

    kept: list[tuple[float, tuple[float, ...], TrialResult]] = []
    for network in sorted(whole, key=lambda n: (-(n.accuracy or 0.0), costs(n))):
        mine = (-(network.accuracy or 0.0), costs(network))
        if not any(_beats((worth, cost), mine) for worth, cost, _ in kept):
            kept.append((*mine, network))
    return [network for *_, network in kept]


def _beats(one: tuple[float, tuple[float, ...]], other: tuple[float, tuple[float, ...]]) -> bool:
    """Return whether one is nowhere worse and somewhere better; less is better."""
    a, b = (one[0], *one[1]), (other[0], *other[1])
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))
