"""A measured latency: median, 95 % interval, conditions, and its upper bound against a limit."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

from search_spaces.errors import TargetError
from trials.latency.timing_protocol import Timing

Condition: TypeAlias = str | int | float | None

SETTING: Final = ("target", "device", "runtime", "version", "threads", "batch", "dtype", "clock")
"""Conditions that must be equal to compare latencies; the others depend on the network or the hour."""

UNSTABLE_EXCESS: Final = 0.001
"""Smallest excess of an unstable latency over a limit: treated as over budget, by an unknown share."""

_PRIOR_SPREAD: Final = 0.015  # standard deviation between runs, assumed without repeated measurements
_PRIOR_RUNS: Final = 4.0  # weight of that assumption, in repeats
_MEDIAN_OF_NORMAL: Final = 0.6745  # median of the absolute value of a standard normal variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The time of one inference of a network at its resolution.

    Attributes:
        median_ms: Median, see `trials.latency.timing_protocol.Timing`; above 0.
        low_ms: Lower end of the 95 % interval of the median.
        high_ms: Upper end of this interval.
        p90_ms: 90 % quantile of the runs, at least the median.
        stable: Whether the interval is at most 10 % of the median wide; unstable latencies are not used.
        conditions: Conditions of the measurement by name, see `SETTING`.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    p90_ms: float
    stable: bool
    conditions: Mapping[str, Condition]

    def __post_init__(self) -> None:
        figures = (self.low_ms, self.median_ms, self.high_ms, self.p90_ms)
        if not all(math.isfinite(f) and f > 0 for f in figures) or not figures[0] <= figures[1] <= figures[2]:
            raise TargetError(
                f"A latency of {self.median_ms} ms in [{self.low_ms}, {self.high_ms}], p90 {self.p90_ms} ms: "
                f"expected times above zero, the median within its interval."
            )

    @property
    def setting(self) -> dict[str, Condition]:
        """The conditions that comparable latencies share; see `setting_of`."""
        return setting_of(self.conditions)

    def bound_ms(self, spread: float) -> float:
        """Return the upper bound of a repeated measurement, in milliseconds.

        That is the upper end of the 95 % interval, widened by the spread between runs.

        Args:
            spread: Relative difference between repeated measurements on this target, at least 0; see
                `between_run_spread`.
        """
        return self.high_ms * (1 + spread)

    def excess(self, limit_ms: float, spread: float) -> float:
        """Return the share by which the upper bound exceeds a limit; the limit is met at 0 or below.

        An unstable latency never meets a limit: its excess is at least `UNSTABLE_EXCESS`.

        Args:
            limit_ms: Largest latency allowed, in milliseconds, above 0.
            spread: See `bound_ms`.
        """
        excess = self.bound_ms(spread) / limit_ms - 1
        return excess if self.stable else max(excess, UNSTABLE_EXCESS)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them."""
        return {**asdict(self), "conditions": dict(self.conditions)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Latency":
        """Return the latency whose `to_json` is `fields`.

        Raises:
            TargetError: if the fields are not those of a latency.
        """
        try:
            return cls(**fields)
        except TypeError as error:
            raise TargetError(
                f"Cannot read the latency {json.dumps(fields)[:80]}: {error}. Expected the fields of a "
                f"measured latency."
            ) from error

    @classmethod
    def of(cls, timing: Timing, conditions: Mapping[str, Condition]) -> "Latency":
        """Return the latency of a timing, with its drift and number of runs added to the conditions."""
        circumstances: dict[str, Condition] = {
            "reference_ms": round(timing.reference_ms, 6),
            "drift": round(timing.drift, 4),
            "runs": timing.runs,
            "attempts": timing.attempts,
        }
        return cls(
            median_ms=timing.median_ms,
            low_ms=timing.low_ms,
            high_ms=timing.high_ms,
            p90_ms=timing.p90_ms,
            stable=timing.stable,
            conditions={**conditions, **circumstances},
        )


def setting_of(conditions: Mapping[str, Condition]) -> dict[str, Condition]:
    """Return the conditions that latencies must share to be compared, from those of a latency or a probe."""
    return {name: conditions[name] for name in SETTING if name in conditions}


def between_run_spread(repeats: Iterable[Sequence[float]]) -> float:
    """Return the relative difference between repeated measurements of the same network, at 95 %.

    It is 1.96 standard deviations of the logarithm, estimated robustly from the median difference between
    successive measurements, because a few disturbed ones say nothing about the device. With few
    repeats the estimate is shrunk towards a typical value.

    Args:
        repeats: Medians of each network that was measured more than once, in milliseconds.
    """
    differences = [
        abs(math.log(b / a)) / math.sqrt(2) for medians_ms in repeats for a, b in pairwise(medians_ms)
    ]
    deviation = statistics.median(differences) / _MEDIAN_OF_NORMAL if differences else 0.0
    count = len(differences)
    return 1.96 * (_PRIOR_RUNS * _PRIOR_SPREAD + count * deviation) / (_PRIOR_RUNS + count)
