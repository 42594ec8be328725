"""How a network is timed on a machine that others use too.

After a warm-up, blocks of repeats alternate with blocks of a small reference network. What slows both
alike, such as a lower clock, is seen in the reference and divided out. What other processes do to a run,
such as emptying its caches, only ever lengthens it, so a block counts by its quickest run: on two cores
that seven processes wanted, two passes then differed by 1.7 % instead of 5.5 % with the median of runs.
The figure is the median over blocks; its interval comes from order statistics and assumes no shape of
distribution (Le Boudec, 2010, Performance Evaluation of Computer and Communication Systems, Theorem 2.1).

This file needs the standard library only: it also runs on machines that have nothing else of ours.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

Run: TypeAlias = Callable[[int], Sequence[float]]
"""Runs a network so many times and returns the milliseconds that each run took."""

BLOCKS: Final = 16
ATTEMPTS: Final = 3
STABLE_WIDTH: Final = 0.10
"""Width of the 95 % interval, as a share of the median, above which a figure is not used."""
SETTLED_WIDTH: Final = 0.04
"""Width above which a figure is worth another attempt: neighbours come and go within seconds."""

_REFERENCE_SHARE: Final = 0.4  # of the time of a block
_WARM_UP_SHARE: Final = 0.2  # of the whole time
_WARM_CHANGE: Final = 0.02  # between windows, below which the machine counts as warm
_WARM_WINDOWS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one network took, corrected for the drift of the machine.

    Attributes:
        median_ms: Over blocks, of the quickest run of each, at the machine's nominal speed.
        low_ms: Lower end of the 95 % interval of the median.
        high_ms: Its upper end.
        p90_ms: What nine of ten of all runs stay below.
        stable: Whether the interval is at most 10 % of the median wide.
        reference_ms: Median of the reference network in the same minutes.
        drift: Slowest over fastest block of the reference, minus 1.
        runs: Timed runs of the network.
        attempts: How many times it was tried.
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
    """Return the time of one run of `network`, the least disturbed of up to three attempts.

    Args:
        network: What is timed.
        reference: A fixed network on the same device.
        seconds: About how long one attempt may take; a network that is slower than this allows still
            runs once in each block.
        nominal_ms: What the reference takes when nothing disturbs the machine, from earlier
            measurements; None to correct only for drift within this one.
    """
    warm_up(network, seconds=_WARM_UP_SHARE * seconds)
    warm_up(reference, seconds=_WARM_UP_SHARE * seconds / 4)
    found: list[Timing] = []
    while len(found) < ATTEMPTS and not (found and _width(found[-1]) <= SETTLED_WIDTH):
        found.append(_attempt(network, reference, seconds * (1 - _WARM_UP_SHARE), nominal_ms))
    best = min(found, key=lambda f: (not f.stable, f.median_ms))  # disturbances only lengthen
    return replace(best, attempts=len(found))


def warm_up(run: Run, *, seconds: float) -> None:
    """Run until the median of a window stops falling, or the time is over, or 12 windows are done."""
    window_ms = 1000 * seconds / _WARM_WINDOWS
    before = math.inf
    for _ in range(_WARM_WINDOWS):
        times_ms = list(run(1))
        while sum(times_ms) < window_ms and len(times_ms) < 10_000:
            times_ms += run(_fitting(times_ms, window_ms - sum(times_ms)))
        median_ms = statistics.median(times_ms)
        if median_ms > before * (1 - _WARM_CHANGE):
            return
        before = median_ms


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an interval that holds the median with at least 95 % probability.

    Fewer than six values cannot give one; then the ends are the extremes.
    """
    ordered, n = sorted(values), len(values)
    rank, outside = 0, 0.5**n
    while rank + 1 < n / 2 and 2 * (outside + math.comb(n, rank + 1) * 0.5**n) <= 0.05:
        rank += 1
        outside += math.comb(n, rank) * 0.5**n
    return ordered[rank], ordered[n - 1 - rank]


def _attempt(network: Run, reference: Run, seconds: float, nominal_ms: float | None) -> Timing:
    block_ms = 1000 * seconds / BLOCKS
    repeats = _fitting(network(1), (1 - _REFERENCE_SHARE) * block_ms)
    reference_repeats = _fitting(reference(1), _REFERENCE_SHARE * block_ms)
    blocks: list[Sequence[float]] = []
    paces = [statistics.median(reference(reference_repeats))]
    for _ in range(BLOCKS):
        blocks.append(network(repeats))
        paces.append(statistics.median(reference(reference_repeats)))
    nominal = statistics.median(paces) if nominal_ms is None else nominal_ms
    corrections = [2 * nominal / (before + after) for before, after in itertools.pairwise(paces)]
    quickest = [c * min(b) for c, b in zip(corrections, blocks, strict=True)]
    runs = sorted(c * t for c, b in zip(corrections, blocks, strict=True) for t in b)
    median_ms, (low_ms, high_ms) = statistics.median(quickest), median_interval(quickest)
    return Timing(
        median_ms=median_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        p90_ms=max(median_ms, runs[math.ceil(0.9 * len(runs)) - 1]),
        stable=(high_ms - low_ms) <= STABLE_WIDTH * median_ms,
        reference_ms=statistics.median(paces),
        drift=max(paces) / min(paces) - 1,
        runs=len(runs),
        attempts=1,
    )


def _fitting(times_ms: Sequence[float], span_ms: float) -> int:
    """Return how many runs fit into a span, at least one."""
    typical_ms = max(statistics.median(times_ms), 1e-4)
    return max(1, min(1000, int(span_ms / typical_ms)))


def _width(timing: Timing) -> float:
    return (timing.high_ms - timing.low_ms) / timing.median_ms
