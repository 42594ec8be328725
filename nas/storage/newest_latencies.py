"""Reads the newest latencies of networks: quickest runs, and the figures that budgets limit."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from nas.storage.own_settings import own_settings
from nas.storage.records import InSetting
from nas.storage.store import Store, setting_key
from search_spaces.budget import Budget
from trials.latency.latency import Latency, figure_of
from trials.latency.timing_protocol import QUICKEST


def newest_latencies(
    store: Store,
    budgets: Sequence[Budget],
    *,
    num_classes: int,
    in_channels: int,
    own_ms: Mapping[str, Mapping[str, float]] | None = None,
    settings: Mapping[str, str] | None = None,
) -> dict[str, dict[str, tuple[datetime, Latency]]]:
    """Return the newest latencies of networks with their times, by fingerprint and then `Budget.measured`.

    Besides the quickest run on each target they are those figures on the wall clock that budgets ask for.

    Args:
        store: Measurements of latency.
        budgets: Budgets, of which those on latency count.
        num_classes: Class scores of the networks.
        in_channels: Channels of their images.
        own_ms: Latencies that a study stores, in milliseconds, by fingerprint and then `Budget.measured`.
            Measurements in other settings than these are left out, see `nas.storage.own_settings`.
        settings: Keys of the settings that count by target; others are left out on these targets.
    """
    shape = {"num_classes": num_classes, "in_channels": in_channels}
    several = store.in_several_settings(**shape) if own_ms else {}
    allowed = {
        (fingerprint, target): own_settings(measured, (own_ms or {}).get(fingerprint, {}), target)
        for (fingerprint, target), measured in several.items()
    }

    def counts(fingerprint: str, target: str, setting: str) -> bool:
        own = allowed.get((fingerprint, target))
        return (not own or setting in own) and setting == (settings or {}).get(target, setting)

    def newest(*, stable: bool) -> Iterator[tuple[str, str, InSetting]]:
        for (fingerprint, target), measured in store.newest(**shape, stable=stable).items():
            yield from ((fingerprint, target, m) for m in measured if counts(fingerprint, target, m.setting))

    found: dict[str, dict[str, tuple[datetime, Latency]]] = defaultdict(dict)
    for fingerprint, target, measured in newest(stable=True):
        found[fingerprint][target] = measured.measured_at, measured.latency
    wall = [budget for budget in budgets if not budget.counted and budget.figure != QUICKEST]
    for fingerprint, target, measured in newest(stable=False) if wall else ():
        for budget in wall:
            latency = measured.latency.figure(budget.figure) if budget.target == target else None
            if latency is not None:
                found[fingerprint][budget.measured] = measured.measured_at, latency
    return found


def stored_latencies(
    networks: Iterable[tuple[str, Mapping[str, float] | None]],
) -> dict[str, dict[str, float]]:
    """Return the latencies that a study stores by fingerprint, from those of each of its networks."""
    found: dict[str, dict[str, float]] = {}
    for fingerprint, latency_ms in networks:
        found.setdefault(fingerprint, {}).update(latency_ms or {})
    return found


class Spreads:
    """Spreads of repeated measurements, each read from a store once.

    Args:
        store: Measurements of latency.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, float] = {}

    def of(self, latency: Latency) -> float:
        """Return the share by which repeated measurements differ: of the figure and setting of a latency."""
        key = f"{setting_key(latency.conditions)} {figure_of(latency.conditions)}"
        if key not in self._known:
            self._known[key] = self._store.spread(latency.conditions)
        return self._known[key]
