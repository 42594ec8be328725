"""A measured latency: its figures with 95 % intervals, its conditions, and how much repeats differ."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Final, TypeAlias

from search_spaces.errors import TargetError
from trials.latency.timing_protocol import QUICKEST, Timing

Condition: TypeAlias = str | int | float | None

SETTING: Final = ("target", "device", "runtime", "version", "threads", "batch", "dtype", "clock")
"""Conditions that must be equal to compare latencies; the others depend on the network or the hour."""

UNSTABLE_EXCESS: Final = 0.001
"""Smallest excess of an unstable latency over a limit: treated as over budget, by an unknown share."""

WALL_FIGURES: Final = ("median", "p90")
FIGURES: Final = (QUICKEST, *WALL_FIGURES)
"""What a budget may limit: the quickest run of a block, or the median or 90 % quantile on the wall clock."""

_FIGURE: Final = "figure"  # the condition that says which of them a latency holds
_TWO_SIDED: Final = 1.96  # standard deviations of a 95 % interval
_SESSION: Final = 0.01  # standard deviation between sessions, as three networks showed on a busy host
_PRIOR_SPREAD: Final = 0.015  # standard deviation between runs, assumed without repeated measurements
_PRIOR_RUNS: Final = 4.0  # weight of that assumption, in repeats
_MOST_REPEATS: Final = 100  # of one network, the latest
_MEDIAN_OF_NORMAL: Final = 0.6745  # median of the absolute value of a standard normal variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The time of one inference of a network at its resolution.

    Attributes:
        median_ms: Median over blocks of the quickest run of each, see
            `trials.latency.timing_protocol.Timing`; above 0. A command may report another figure.
        low_ms: Lower end of the 95 % interval of the median.
        high_ms: Upper end of this interval.
        p90_ms: 90 % quantile of the runs, at least the median.
        stable: Whether the interval is at most 20 % of the median wide; unstable latencies are not used.
        conditions: Conditions of the measurement by name, see `SETTING`; among them its figures on the wall
            clock, which measurements of earlier versions lack.
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

    def figure(self, name: str) -> "Latency | None":
        """Return the latency with one of `FIGURES` as its value, None where that was not measured.

        A figure on the wall clock of a busy host has a wide interval for good reason, and is always stable.
        """
        if name == QUICKEST:
            return self
        times = [self.conditions.get(key) for key in _wall_keys(name)]
        numbers = [float(t) for t in times if isinstance(t, int | float)]
        if len(numbers) < len(times):
            return None
        value_ms, low_ms, high_ms = numbers
        return Latency(
            median_ms=value_ms,
            low_ms=low_ms,
            high_ms=high_ms,
            p90_ms=self.p90_ms,
            stable=True,
            conditions={**self.conditions, _FIGURE: name},
        )

    @property
    def wall(self) -> "dict[str, Latency]":
        """The figures on the wall clock that were measured, by name."""
        found = {name: self.figure(name) for name in WALL_FIGURES}
        return {name: latency for name, latency in found.items() if latency is not None}

    @property
    def meaning(self) -> str:
        """What its value is, in words."""
        if (figure := figure_of(self.conditions)) != QUICKEST:
            return f"{figure} of the wall clock"
        if "clock" not in self.conditions:
            return "median of the runs of the command"
        own = self.conditions["clock"] == "thread"
        clock = "the thread's CPU clock" if own else "the wall clock"
        return f"quickest run of a block on {clock}, median over blocks"

    @property
    def circumstances(self) -> dict[str, Condition]:
        """The conditions without the figures on the wall clock."""
        figures = {key for name in WALL_FIGURES for key in _wall_keys(name)}
        return {name: value for name, value in self.conditions.items() if name not in figures}

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
        """Return the latency of a timing, with its drift and number of runs added to the conditions.

        Its interval is wider than that of the timing: another session of the runtime lays out memory anew,
        which no timing within one session shows.
        """
        circumstances: dict[str, Condition] = {
            "reference_ms": round(timing.reference_ms, 6),
            "drift": round(timing.drift, 4),
            "runs": timing.runs,
            "attempts": timing.attempts,
            **wall_conditions("median", timing.wall_median),
            **wall_conditions("p90", timing.wall_p90),
        }
        return cls(
            median_ms=timing.median_ms,
            low_ms=timing.median_ms / _with_session(timing.median_ms / timing.low_ms),
            high_ms=timing.median_ms * _with_session(timing.high_ms / timing.median_ms),
            p90_ms=timing.p90_ms,
            stable=timing.stable,
            conditions={**conditions, **circumstances},
        )


def _with_session(ratio: float) -> float:
    """Return the ratio of an end of an interval to its figure with the differences between sessions."""
    return math.exp(math.hypot(math.log(ratio), _TWO_SIDED * _SESSION))


def setting_of(conditions: Mapping[str, Condition]) -> dict[str, Condition]:
    """Return the conditions that latencies must share to be compared, from those of a latency or a probe."""
    return {name: conditions[name] for name in SETTING if name in conditions}


def wall_conditions(name: str, figure: Sequence[float]) -> dict[str, Condition]:
    """Return a figure on the wall clock and the ends of its interval, ms, as conditions of a measurement."""
    return {key: round(float(time), 6) for key, time in zip(_wall_keys(name), figure, strict=True)}


def _wall_keys(name: str) -> tuple[str, str, str]:
    return f"wall_{name}_ms", f"wall_{name}_low_ms", f"wall_{name}_high_ms"


def figure_of(conditions: Mapping[str, Condition]) -> str:
    """Return which of `FIGURES` a latency of these conditions holds."""
    return str(conditions.get(_FIGURE, QUICKEST))


def between_run_spread(repeats: Iterable[Sequence[float]]) -> float:
    """Return the relative difference between repeated measurements of the same network, at 95 %.

    It is 1.96 standard deviations of the logarithm, estimated robustly from the median difference between
    any two measurements of a network, because a few disturbed ones say nothing about the device; successive
    ones alone would not tell of a slow drift. With few repeats it is shrunk towards a typical value.

    Args:
        repeats: Figures of each network that was measured more than once, in milliseconds.
    """
    differences: list[tuple[float, float]] = []  # with weights: k measurements are k - 1 repeats
    for figures_ms in repeats:
        recent = list(figures_ms)[-_MOST_REPEATS:]
        pairs = [abs(math.log(b / a)) / math.sqrt(2) for a, b in combinations(recent, 2)]
        differences += [(difference, 2 / len(recent)) for difference in pairs]
    count = sum(weight for _, weight in differences)
    deviation = _weighted_median(differences) / _MEDIAN_OF_NORMAL if differences else 0.0
    return _TWO_SIDED * (_PRIOR_RUNS * _PRIOR_SPREAD + count * deviation) / (_PRIOR_RUNS + count)


def _weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """Return the value below which half of the weights lie; the mean of two where they are divided."""
    ordered = sorted(values)
    half = sum(weight for _, weight in ordered) / 2
    below = 0.0
    for i, (value, weight) in enumerate(ordered):
        below += weight
        if below > half * (1 + 1e-9):
            return value
        if below >= half * (1 - 1e-9):
            return (value + ordered[min(i + 1, len(ordered) - 1)][0]) / 2
    return ordered[-1][0]
