"""Timing protocol: warm-up, blocks, drift of a reference network divided out, interval of the median.

After a warm-up, blocks of repeated runs alternate with blocks of a small reference network. Drift that slows
both alike, such as a lower clock rate, is measured on the reference and divided out. Other processes, for
example by evicting caches, can only lengthen a run, so the fastest run represents a block: on two cores
shared by seven processes, two measurements then differed by 1.7 % instead of 5.5 % with the median of runs.
The latency is the median over blocks; its 95 % interval comes from order statistics and assumes no
distribution (Le Boudec, 2010, Performance Evaluation of Computer and Communication Systems, Theorem 2.1).

This module needs the standard library only: it also runs on machines without this project.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

Run: TypeAlias = Callable[[int], Sequence[float]]
"""Runs a network a given number of times and returns the milliseconds of each run."""

BLOCKS: Final = 16
ATTEMPTS: Final = 3
STABLE_WIDTH: Final = 0.10
"""Largest width of the 95 % interval of a stable latency, as a share of the median."""
SETTLED_WIDTH: Final = 0.04
"""Width above which another attempt is made: disturbances by other processes last for seconds."""

_REFERENCE_SHARE: Final = 0.4  # share of the time of a block
_WARM_UP_SHARE: Final = 0.2  # share of the whole time
_WARM_CHANGE: Final = 0.02  # relative change between windows below which the machine counts as warm
_WARM_WINDOWS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Time of one run of a network, corrected for the drift of the machine.

    Attributes:
        median_ms: Median over blocks of the fastest run of each, at the machine's nominal speed.
        low_ms: Lower end of the 95 % interval of the median.
        high_ms: Upper end of this interval.
        p90_ms: 90 % quantile of all runs.
        stable: Whether the interval is at most 10 % of the median wide.
        reference_ms: Median of the reference network during the measurement.
        drift: Ratio of the slowest to the fastest block of the reference, minus 1.
        runs: Number of timed runs of the network.
        attempts: Number of attempts.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    p90_ms: float
    stable: bool
    reference_ms: float
    drift: float
    runs: int
    attempts: int


def time_network(network: Run, reference: Run, *, seconds: float, nominal_ms: float | None = None) -> Timing:
    """Return the time of one run of `network`, from the least disturbed of up to three attempts.

    Args:
        network: Network to time.
        reference: Reference network on the same device.
        seconds: Approximate duration of one attempt; a network too slow for it still runs once in each
            block.
        nominal_ms: Time of the reference network on the undisturbed machine, from earlier measurements;
            None to correct only for drift within this measurement.
    """
    warm_up(network, seconds=_WARM_UP_SHARE * seconds)
    warm_up(reference, seconds=_WARM_UP_SHARE * seconds / 4)
    found: list[Timing] = []
    while len(found) < ATTEMPTS and not (found and _width(found[-1]) <= SETTLED_WIDTH):
        found.append(_attempt(network, reference, seconds * (1 - _WARM_UP_SHARE), nominal_ms))
    best = min(found, key=lambda f: (not f.stable, f.median_ms))  # disturbances only lengthen
    return replace(best, attempts=len(found))


def warm_up(run: Run, *, seconds: float) -> None:
    """Run until the median over a window stops falling, for at most 12 windows of the given duration."""
    window_ms = 1000 * seconds / _WARM_WINDOWS
    before = math.inf
    for _ in range(_WARM_WINDOWS):
        times_ms = list(run(1))
        while sum(times_ms) < window_ms and len(times_ms) < 10_000:
            times_ms += run(_runs_within(times_ms, window_ms - sum(times_ms)))
        median_ms = statistics.median(times_ms)
        if median_ms > before * (1 - _WARM_CHANGE):
            return
        before = median_ms


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an interval that contains the median with at least 95 % probability.

    For fewer than six values there is none; the ends are then the smallest and the largest value.
    """
    ordered, n = sorted(values), len(values)
    rank, outside = 0, 0.5**n
    while rank + 1 < n / 2 and 2 * (outside + math.comb(n, rank + 1) * 0.5**n) <= 0.05:
        rank += 1
        outside += math.comb(n, rank) * 0.5**n
    return ordered[rank], ordered[n - 1 - rank]


def _attempt(network: Run, reference: Run, seconds: float, nominal_ms: float | None) -> Timing:
    """Return the timing of one attempt, each block divided by the drift of the reference around it."""
    block_ms = 1000 * seconds / BLOCKS
    repeats = _runs_within(network(1), (1 - _REFERENCE_SHARE) * block_ms)
    reference_repeats = _runs_within(reference(1), _REFERENCE_SHARE * block_ms)
    blocks: list[Sequence[float]] = []
    reference_times_ms = [statistics.median(reference(reference_repeats))]
    for _ in range(BLOCKS):
        blocks.append(network(repeats))
        reference_times_ms.append(statistics.median(reference(reference_repeats)))
    nominal = statistics.median(reference_times_ms) if nominal_ms is None else nominal_ms
    corrections = [2 * nominal / (before + after) for before, after in itertools.pairwise(reference_times_ms)]
    fastest = [c * min(b) for c, b in zip(corrections, blocks, strict=True)]
    runs = sorted(c * t for c, b in zip(corrections, blocks, strict=True) for t in b)
    median_ms, (low_ms, high_ms) = statistics.median(fastest), median_interval(fastest)
    return Timing(
        median_ms=median_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        p90_ms=max(median_ms, runs[math.ceil(0.9 * len(runs)) - 1]),
        stable=(high_ms - low_ms) <= STABLE_WIDTH * median_ms,
        reference_ms=statistics.median(reference_times_ms),
        drift=max(reference_times_ms) / min(reference_times_ms) - 1,
        runs=len(runs),
        attempts=1,
    )


def _runs_within(times_ms: Sequence[float], span_ms: float) -> int:
    """Return the number of runs that fit into a span, at least one."""
    typical_ms = max(statistics.median(times_ms), 1e-4)
    return max(1, min(1000, int(span_ms / typical_ms)))


def _width(timing: Timing) -> float:
    return (timing.high_ms - timing.low_ms) / timing.median_ms
