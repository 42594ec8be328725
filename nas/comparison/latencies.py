"""Measures the networks of a comparison on the targets of its budgets, or else on this machine."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from nas.latency.measurement_cache import LatencyCache
from nas.storage.newest_latencies import newest_latencies
from nas.storage.store import Store, setting_key
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import TargetError
from trials.latency.latency import Latency

_HOST: Final = "cpu"
_ATTEMPTS: Final = 3  # measurements until one is stable


def measure_networks(
    networks: Iterable[Architecture],
    budgets: Sequence[Budget],
    cache: LatencyCache,
    say: Callable[[str], None],
) -> None:
    """Measure networks that have no stable measurement; a target that is away is named and left out.

    Args:
        networks: What is measured, each once.
        budgets: Those on latency name the targets; without any it is this machine.
        cache: Measures, and keeps what it measured.
        say: Shows a line.
    """
    for network in dict.fromkeys(networks):
        try:
            _measure(network, [budget for budget in budgets if not budget.counted], cache)
        except TargetError as error:
            say(f"Latencies are left out: {error}")
            return


def _measure(network: Architecture, timed: Sequence[Budget], cache: LatencyCache) -> None:
    """Measure a network until it has a stable measurement for each budget, on this machine without any."""
    for budget in timed:
        latency_of(network, budget, cache)
    if not timed:
        _until_stable(lambda again: cache.time(network, _HOST, again=again))


def latency_of(network: Architecture, budget: Budget, cache: LatencyCache) -> Latency:
    """Return what was measured of a network for a budget, or else the first stable one of a few measurements.

    Raises:
        TargetError: if the target is away or cannot run the network.
    """
    return _until_stable(lambda again: cache.of_budget(network, budget, again=again))


def latencies(
    store: Store,
    budgets: Sequence[Budget],
    *,
    num_classes: int,
    in_channels: int,
    cache: LatencyCache,
) -> dict[str, dict[str, float]]:
    """Return the latest stable medians in milliseconds by fingerprint of the network and target.

    Args:
        store: Measurements of latency.
        budgets: Those on latency name the targets; without any it is this machine.
        num_classes: Class scores of the networks.
        in_channels: Channels of their images.
        cache: What measured the networks: only measurements in its settings count, so that those of another
            machine are not compared.
    """
    targets = {str(budget.target) for budget in budgets if not budget.counted} or {_HOST}
    known = newest_latencies(
        store,
        budgets,
        num_classes=num_classes,
        in_channels=in_channels,
        settings=_settings(cache, targets),
    )
    timed = {budget.measured for budget in budgets if not budget.counted} or {_HOST}
    return {
        fingerprint: {on: latency.median_ms for on, (_, latency) in of.items() if on in timed}
        for fingerprint, of in known.items()
    }


def _settings(cache: LatencyCache, targets: Iterable[str]) -> dict[str, str]:
    """Return the keys of the settings of targets; one that is away is left out."""
    found = {}
    for target in targets:
        with contextlib.suppress(TargetError):
            found[target] = setting_key(cache.setting(target))
    return found


def _until_stable(measured: Callable[[bool], Latency]) -> Latency:
    latency = measured(False)
    for _ in range(_ATTEMPTS - 1):
        if latency.stable:
            break
        latency = measured(True)
    return latency
