"""Collects what a report says of latencies: predictions, measurements and refusals under each budget."""

from collections.abc import Iterator

from dashboards.latency_table import NetworkLatency
from dashboards.result import SearchResult, TrialResult
from nas.storage.newest_latencies import Spreads, newest_latencies, stored_latencies
from nas.storage.store import Store
from search_spaces.budget import Budget
from trials.latency.latency import Latency


def network_latencies(
    result: SearchResult, store: Store, *, num_classes: int, in_channels: int
) -> tuple[NetworkLatency, ...]:
    """Return what is known of each network that was tried under each budget on latency.

    Args:
        result: The search so far.
        store: Measurements of latency.
        num_classes: Class scores of its networks.
        in_channels: Channels of their images.
    """
    budgets = [budget for budget in result.budgets if not budget.counted]
    if not budgets:
        return ()
    known = newest_latencies(
        store,
        budgets,
        num_classes=num_classes,
        in_channels=in_channels,
        own_ms=stored_latencies((n.architecture.fingerprint, n.latency_ms) for n in result.networks),
    )
    spreads = Spreads(store)

    def found() -> Iterator[NetworkLatency]:
        for network in result.networks:
            for budget in budgets:
                _, latency = known.get(network.architecture.fingerprint, {}).get(
                    budget.measured, (None, None)
                )
                spread = 0.0 if latency is None else spreads.of(latency)
                yield _described(network, budget, latency, spread)

    return tuple(one for one in found() if one.predicted_ms or one.measured_ms or one.refused)


def _described(
    network: TrialResult, budget: Budget, latency: Latency | None, spread: float
) -> NetworkLatency:
    untrained = network.state == "pruned" and not network.epochs
    return NetworkLatency(
        trial=network.trial,
        budget=budget.text,
        predicted_ms=(network.predicted_ms or {}).get(budget.measured),
        measured_ms=None if latency is None else (latency.median_ms, latency.low_ms, latency.high_ms),
        bound_ms=None if latency is None else latency.bound_ms(spread),
        refused=(network.reason or "not trained") if untrained else None,
        excess=(network.excess or {}).get(budget.text),
    )
