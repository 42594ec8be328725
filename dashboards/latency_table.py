"""Rows of a report on latencies: predicted and measured, with intervals, and what was refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

_MOST_ROWS: Final = 40
_WITHIN: Final = 2  # standard deviations

HEAD: Final = ("network", "budget", "predicted", "measured, 95 % interval", "upper bound", "")
NUMBERS: Final = (2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLatency:
    """What is known of one network under one budget on latency.

    Attributes:
        trial: Number of its trial.
        budget: The budget as written.
        predicted_ms: Mean and standard deviation predicted before measuring; None if it was not predicted.
        measured_ms: Latest figure with the ends of its 95 % interval; None if it was not measured.
        bound_ms: Upper bound of repeated measurements, which is compared with the budget; None if unknown.
        refused: Why it was not trained; None if it was.
        excess: Share by which the budget is exceeded; 0 or less fits; None if unknown.
    """

    trial: int
    budget: str
    predicted_ms: tuple[float, float] | None
    measured_ms: tuple[float, float, float] | None
    bound_ms: float | None
    refused: str | None
    excess: float | None


def latency_rows(latencies: Sequence[NetworkLatency]) -> list[list[str]]:
    """Return a row of text for each network and budget: the trained ones first, the quickest first."""
    ordered = sorted(latencies, key=lambda one: (one.refused is not None, one.excess or 0.0, one.trial))
    return [
        [
            f"#{one.trial}",
            one.budget,
            "–" if one.predicted_ms is None else f"{one.predicted_ms[0]:.3g} ± {one.predicted_ms[1]:.2g} ms",
            "–"
            if one.measured_ms is None
            else f"{one.measured_ms[0]:.3g} ms, {one.measured_ms[1]:.3g} to {one.measured_ms[2]:.3g}",
            "–" if one.bound_ms is None else f"{one.bound_ms:.3g} ms",
            _verdict(one),
        ]
        for one in ordered[:_MOST_ROWS]
    ]


def latency_summary(latencies: Sequence[NetworkLatency]) -> list[str]:
    """Return sentences on how many networks were refused, and how good the predictions were."""
    refused = len({one.trial for one in latencies if one.refused is not None})
    trained = len({one.trial for one in latencies if one.refused is None})
    lines = [
        f"{trained} networks met their latency and were trained; {refused} were refused before training."
    ]
    pairs = [
        (one.predicted_ms, one.measured_ms[0])
        for one in latencies
        if one.predicted_ms is not None and one.measured_ms is not None
    ]
    if pairs:
        inside = sum(abs(ms - mean) <= _WITHIN * deviation for (mean, deviation), ms in pairs)
        error = median(abs(mean / ms - 1) for (mean, _), ms in pairs)
        lines.append(
            f"Of {len(pairs)} networks that were predicted and measured, {inside} lie within two standard "
            f"deviations; the median error is {error:.1%}."
        )
    elif latencies:
        lines.append("No latency was predicted: that takes 20 networks measured on a target.")
    hidden = len(latencies) - _MOST_ROWS
    return [*lines, f"{hidden} more are not shown."] if hidden > 0 else lines


def _verdict(one: NetworkLatency) -> str:
    if one.refused is not None:
        return f"refused: {one.refused}"
    if one.excess is None:
        return ""
    return f"fits, {-one.excess:.1%} to spare" if one.excess <= 0 else f"over by {one.excess:.1%}"
