"""Decides whether networks fit by their latest measurements: what missed its latency since does not fit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from dashboards.result import SearchResult, TrialResult, best_first
from nas.storage.newest_latencies import Spreads, newest_latencies, stored_latencies
from nas.storage.store import Store
from nas.study.verdicts import Verdict
from search_spaces.budget import Budget
from trials.latency.latency import Latency


def with_latencies(
    result: SearchResult,
    store: Store,
    *,
    num_classes: int,
    in_channels: int,
    verdicts: Mapping[int, Verdict] | None = None,
) -> SearchResult:
    """Return a result with the latest latencies of its networks.

    A network fits if the latest of these meets each latency budget: its measurement before training, the
    verdict when it was measured again as a winner, the last stable measurement of any command. Only those in
    the setting count in which the study measured it: the same device, runtime and options.

    Args:
        result: The search so far.
        store: Measurements of latency.
        num_classes: Class scores of its networks.
        in_channels: Channels of their images.
        verdicts: What was decided on its networks after their training, by trial.
    """
    known = newest_latencies(
        store,
        result.budgets,
        num_classes=num_classes,
        in_channels=in_channels,
        own_ms=stored_latencies((n.architecture.fingerprint, n.latency_ms) for n in result.networks),
    )
    spreads = Spreads(store)
    networks = []
    for network in result.networks:
        latest = known.get(network.architecture.fingerprint, {})
        spread = {measured: spreads.of(latency) for measured, (_, latency) in latest.items()}
        evidence = _Evidence(latest, spread, (verdicts or {}).get(network.trial))
        networks.append(evidence.applied(network, result.budgets))
    return replace(result, networks=best_first(networks))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What is known of one network's latencies.

    Attributes:
        latest: Latest stable measurement by target, with its time.
        spreads: Spread of repeated measurements by target.
        verdict: What was decided on the network after its training; None if nothing was.
    """

    latest: Mapping[str, tuple[datetime, Latency]]
    spreads: Mapping[str, float]
    verdict: Verdict | None

    def applied(self, network: TrialResult, budgets: tuple[Budget, ...]) -> TrialResult:
        """Return the network with its latest latencies and what they mean for the budgets."""
        if not self.latest and self.verdict is None:
            return network
        found = {b.text: self._excess(b) for b in budgets if not b.counted}
        excess = {text: share for text, share in found.items() if share is not None}
        medians = {target: latency.median_ms for target, (_, latency) in self.latest.items()}
        bounds = {on: one.bound_ms(self.spreads[on]) for on, (_, one) in self.latest.items() if one.stable}
        return replace(
            network,
            latency_ms={**(network.latency_ms or {}), **medians} or None,
            latency_bound_ms=bounds,
            excess={**network.excess, **excess} if network.excess is not None else None,
            fits=network.fits and all(share <= 0 for share in excess.values()),
            reason=network.reason or self._reason(budgets),
        )

    def _excess(self, budget: Budget) -> float | None:
        """Return by what share a latency budget is exceeded; None if nothing was measured since."""
        measured_at, latency = self.latest.get(budget.measured, (None, None))
        if (
            self.verdict is not None
            and budget.text in self.verdict.excess
            and self.verdict.stands(measured_at)
        ):
            return self.verdict.excess[budget.text]
        return None if latency is None else latency.excess(budget.limit, self.spreads[budget.measured])

    def _reason(self, budgets: tuple[Budget, ...]) -> str | None:
        """Return the reason of the verdict if it stands for a budget that it found exceeded."""
        if self.verdict is None:
            return None
        missed = [b for b in budgets if self.verdict.excess.get(b.text, 0.0) > 0]
        times = [self.latest.get(b.measured, (None, None))[0] for b in missed]
        return self.verdict.reason if any(map(self.verdict.stands, times)) else None
