"""Adds the latest measured latencies to results: what misses its budget when re-measured no longer fits."""

from collections.abc import Mapping
from dataclasses import replace

import optuna

from dashboards.result import SearchResult, TrialResult, best_first
from nas.storage.store import Store
from nas.study.results import result_of
from nas.study.study import images_of
from search_spaces.budget import Budget
from trials.latency.latency import Latency


def latest_result(study: optuna.Study, store: Store, *, interrupted: bool = False) -> SearchResult:
    """Return the result of a study with the latest latencies of its networks.

    Args:
        study: A study that nas search began.
        store: Measurements of latency.
        interrupted: Whether its search was ended before it was done.
    """
    images = images_of(study)
    return with_latencies(
        result_of(study, interrupted=interrupted),
        store,
        num_classes=len(images["classes"]),
        in_channels=images["channels"],
    )


def with_latencies(result: SearchResult, store: Store, *, num_classes: int, in_channels: int) -> SearchResult:
    """Return a result with the latest latencies of its networks.

    A network whose latest measurement misses a latency budget no longer fits, whatever was measured before
    its training.

    Args:
        result: The search so far.
        store: Measurements of latency.
        num_classes: Class scores of its networks.
        in_channels: Channels of their images.
    """
    known = store.newest(num_classes=num_classes, in_channels=in_channels)
    spreads: dict[str, float] = {}
    networks = []
    for network in result.networks:
        latest = known.get(network.architecture.fingerprint, {}) if known else {}
        for target, latency in latest.items():
            if target not in spreads:
                spreads[target] = store.spread(latency.setting)
        networks.append(_measured(network, latest, spreads, result.budgets))
    return replace(result, networks=best_first(networks))


def _measured(
    network: TrialResult,
    latest: Mapping[str, Latency],
    spreads: Mapping[str, float],
    budgets: tuple[Budget, ...],
) -> TrialResult:
    """Return a network with its latest latencies and what they mean for the budgets."""
    if not latest:
        return network
    excess = {
        budget.text: latest[budget.target].excess(budget.limit, spreads[budget.target])
        for budget in budgets
        if budget.target is not None and budget.target in latest
    }
    medians = {target: latency.median_ms for target, latency in latest.items()}
    bounds = {on: latency.bound_ms(spreads[on]) for on, latency in latest.items() if latency.stable}
    return replace(
        network,
        latency_ms={**(network.latency_ms or {}), **medians},
        latency_bound_ms=bounds,
        excess={**network.excess, **excess} if network.excess is not None else None,
        fits=network.fits and all(share <= 0 for share in excess.values()),
    )
