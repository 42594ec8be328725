"""What is known of networks' latencies: looked up where it was measured before, measured where not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import optuna

from dashboards.result import SearchResult, best_first
from nas.latency.predictor import LatencyPredictor
from nas.storage.records import Measurement
from nas.storage.store import Store
from nas.study.results import result_of
from nas.study.study import images_of
from search_spaces.architecture import Architecture
from search_spaces.building import build
from search_spaces.errors import TargetError
from trials.latency.latency import Condition, Latency, setting_of
from trials.latency_measurement import measure, probe
from trials.training.seeding import seeded_build

UNKNOWN_EXCESS: Final = 0.001
"""An excess that says no more than that the budget is not known to hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A latency beside a limit.

    Attributes:
        latency: As measured.
        spread: By what share repeated measurements on the target differ.
    """

    latency: Latency
    spread: float

    def excess(self, limit_ms: float) -> float:
        """Return by what share the upper bound exceeds a limit; 0 or less holds.

        The bound is that of the 95 % interval, widened by the spread; a figure that is not stable never
        holds.
        """
        excess = self.latency.high_ms * (1 + self.spread) / limit_ms - 1
        return excess if self.latency.stable else max(excess, UNKNOWN_EXCESS)


class LatencyCache:
    """Times networks on targets and keeps every figure for all studies of a storage.

    Args:
        store: Where figures are kept.
        num_classes: Class scores of the networks.
        in_channels: Channels of their images.
        now: Returns the time, UTC.
    """

    def __init__(
        self,
        store: Store,
        *,
        num_classes: int,
        in_channels: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._classes, self._channels = num_classes, in_channels
        self._now = now
        self._settings: dict[str, dict[str, Condition]] = {}
        self._foresight = LatencyPredictor(store)

    def setting(self, target: str) -> dict[str, Condition]:
        """Return the conditions that comparable figures of a target share; asks the target once.

        Raises:
            UnknownNameError: if no target is called so.
            TargetError: if it does not answer.
        """
        if target not in self._settings:
            self._settings[target] = setting_of(probe(target))
        return self._settings[target]

    def time(self, architecture: Architecture, target: str, *, again: bool = False) -> Found:
        """Return how long a network takes on a target.

        Args:
            architecture: What is timed; weights do not matter.
            target: As a budget names it.
            again: Whether it is measured although a figure is kept.

        Raises:
            TargetError: if the target is away or cannot run the network.
        """
        setting = self.setting(target)
        known = None if again else self._kept(architecture, setting)
        latency = known or self._measured(architecture, target, setting)
        return Found(latency=latency, spread=self._store.spread(setting))

    def answers(self, target: str) -> bool:
        """Return whether a target answers now, asked again; what it says then is what counts."""
        self._settings.pop(target, None)
        try:
            self.setting(target)
        except TargetError:
            return False
        return True

    def foresee(self, architecture: Architecture, target: str) -> tuple[float, float] | None:
        """Return the mean and standard deviation that a measurement would have, in milliseconds.

        None where too little was measured to say.
        """
        return self._foresight.of(
            architecture, self.setting(target), num_classes=self._classes, in_channels=self._channels
        )

    def _kept(self, architecture: Architecture, setting: dict[str, Condition]) -> Latency | None:
        return self._store.latency(
            architecture, num_classes=self._classes, in_channels=self._channels, conditions=setting
        )

    def _measured(self, architecture: Architecture, target: str, setting: dict[str, Condition]) -> Latency:
        network = seeded_build(
            lambda: build(architecture, num_classes=self._classes, in_channels=self._channels), 0
        )
        latency = measure(
            network.eval(),
            resolution=architecture.resolution,
            in_channels=self._channels,
            target=target,
            nominal_ms=self._store.nominal_ms(setting),
        )
        self._settings[target] = latency.setting  # a clock or driver may have changed since the probe
        self._store.add_measurement(
            Measurement(
                architecture=architecture,
                num_classes=self._classes,
                in_channels=self._channels,
                latency=latency,
                measured_at=self._now(),
            )
        )
        return latency


def latest_result(study: optuna.Study, store: Store, *, interrupted: bool = False) -> SearchResult:
    """Return a study as views are handed it, with what is known of its networks' latencies now.

    Args:
        study: One that nas search began.
        store: Of latencies.
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
    """Return a search with what is known of its networks' latencies now.

    A network whose newest stable figure misses a latency budget no longer fits, whatever it was when it
    was trained.

    Args:
        result: The search so far.
        store: Of latencies.
        num_classes: Class scores of its networks.
        in_channels: Channels of their images.
    """
    limits = [budget for budget in result.budgets if not budget.counted]
    spreads: dict[str, float] = {}
    networks = []
    known = store.newest(num_classes=num_classes, in_channels=in_channels)
    for network in result.networks:
        latest = known.get(network.architecture.fingerprint, {}) if known else {}
        fits = network.fits
        for budget in limits:
            latency = latest.get(str(budget.target))
            if latency is not None:
                key = str(budget.target)
                spreads.setdefault(key, store.spread(latency.setting))
                fits &= Found(latency=latency, spread=spreads[key]).excess(budget.limit) <= 0
        figures = {**(network.latency_ms or {}), **{on: latency.median_ms for on, latency in latest.items()}}
        networks.append(replace(network, latency_ms=figures or None, fits=fits))
    return replace(result, networks=best_first(networks))
