"""A latency: how long a network takes on a device, how sure that is and under which conditions."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

from search_spaces.errors import TargetError
from trials.latency.timing import Timing

Condition: TypeAlias = str | int | float | None

SETTING: Final = ("target", "device", "runtime", "version", "threads", "batch", "dtype", "clock")
"""The conditions that figures must share to be compared; the others belong to the network or the hour."""

UNSTABLE_EXCESS: Final = 0.001
"""Smallest excess of an unstable latency over a limit: treated as over budget, by an unknown share."""

_PRIOR_SPREAD: Final = 0.015  # standard deviation between runs of a target that was never repeated
_PRIOR_RUNS: Final = 4.0  # how many repeats it takes to outweigh that
_MEDIAN_OF_NORMAL: Final = 0.6745  # of the size of a standard normal number


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The time of one run of a network at its resolution.

    Attributes:
        median_ms: See `trials.latency.timing.Timing`; above 0.
        low_ms: Lower end of the 95 % interval of the median.
        high_ms: Its upper end.
        p90_ms: What nine of ten runs stay below, at least the median.
        stable: Whether the interval is at most 10 % of the median wide; what is not is not used.
        conditions: By name; see `SETTING`.
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
        """The conditions that comparable figures share; see `setting_of`."""
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
            raise TargetError(f"Cannot read the latency {json.dumps(fields)[:80]}: {error}.") from error

    @classmethod
    def of(cls, timing: Timing, conditions: Mapping[str, Condition]) -> "Latency":
        """Return the latency that a timing found, its circumstances added to the conditions."""
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
    """Return the conditions that figures must share to be compared, also of what a probe found."""
    return {name: conditions[name] for name in SETTING if name in conditions}


def between_run_spread(repeats: Iterable[Sequence[float]]) -> float:
    """Return by what share a measurement may differ from an earlier one of the same network.

    That is 1.96 standard deviations of the logarithm, estimated from the median difference between
    successive measurements: the few that a busy neighbour spoilt say nothing about the device. With
    little to go by it is drawn towards what is usual.

    Args:
        repeats: The medians of each network that was measured more than once, milliseconds.
    """
    apart = [abs(math.log(b / a)) / math.sqrt(2) for medians_ms in repeats for a, b in pairwise(medians_ms)]
    found = statistics.median(apart) / _MEDIAN_OF_NORMAL if apart else 0.0
    return 1.96 * (_PRIOR_RUNS * _PRIOR_SPREAD + len(apart) * found) / (_PRIOR_RUNS + len(apart))
