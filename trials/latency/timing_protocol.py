"""Timing protocol: warm-up, blocks, drift of a reference network divided out, intervals.

After a warm-up, blocks of repeated runs alternate with blocks of a small reference network. Drift that slows
both alike, such as a lower clock rate, is measured on the reference and divided out. Other processes, for
example by evicting caches, can only lengthen a run, so the quickest run represents a block: on two cores
shared by seven processes, two measurements then differed by 1.7 % instead of 5.5 % with the median of runs.
The latency is the median over blocks of their quickest runs, on the clock of the thread where one thread
runs: what the machine can do, not what passes on a wall clock while others use it too. For that there are the
median and the 90 % quantile of all runs on the wall clock, uncorrected. Successive blocks depend on each
other; the intervals allow for it (`trials.latency.correlated_interval`).

This module needs the standard library only: it also runs on machines without this project.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from trials.latency.correlated_interval import median_interval, quantile_interval


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of the same runs on two clocks.

    Attributes:
        clock_ms: On the clock that latencies are measured by, which may stop while others have the processor.
        wall_ms: On the wall clock.
    """

    clock_ms: Sequence[float]
    wall_ms: Sequence[float]


Run: TypeAlias = Callable[[int], Times | Sequence[float]]
"""Runs a network a given number of times and returns the milliseconds of each run, on one clock or two."""

IntervalFigure: TypeAlias = tuple[float, float, float]
"""A figure and the ends of its 95 % interval, milliseconds."""

QUICKEST: Final = "quickest"
"""The figure that a latency is unless another is asked for: the median over blocks of their quickest runs."""
BLOCKS: Final = 16  # in one round
ROUNDS: Final = 4
STABLE_WIDTH: Final = 0.20
"""Largest width of the 95 % interval of a stable latency, as a share of the median."""
SETTLED_WIDTH: Final = 0.04
"""Width above which another round of blocks is measured: disturbances by other processes last for seconds."""

_WALL_QUANTILES: Final = {"median": 0.5, "p90": 0.9}
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
        p90_ms: 90 % quantile of all runs, at the machine's nominal speed.
        stable: Whether the interval is at most 20 % of the median wide.
        reference_ms: Median of the reference network during the measurement.
        drift: Ratio of the slowest to the fastest block of the reference, minus 1.
        runs: Number of timed runs of the network.
        attempts: Number of rounds.
        wall_median: Median of all runs on the wall clock.
        wall_p90: 90 % quantile of all runs on the wall clock.
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
    wall_median: IntervalFigure
    wall_p90: IntervalFigure

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Timing":
        """Return the timing with these fields, of which JSON has made tuples lists.

        Raises:
            TypeError: if they are those of something else.
        """
        read: dict[str, Any] = {n: tuple(f) if isinstance(f, list) else f for n, f in fields.items()}
        return cls(**read)


def time_network(
    network: Run,
    reference: Run,
    *,
    seconds: float,
    nominal_ms: float | None = None,
    figure: str = QUICKEST,
) -> Timing:
    """Return the time of one run of `network`, from up to four rounds of blocks.

    A round is added until the interval of the figure is narrow.

    Args:
        network: Network to time.
        reference: Reference network on the same device.
        seconds: Approximate duration of one round; a network too slow for it still runs once in each block.
        nominal_ms: Time of the reference network on the undisturbed machine, from earlier measurements;
            None to correct only for drift within this measurement.
        figure: Whose interval is to be narrow: ``quickest``, or ``median`` or ``p90`` of the wall clock.
    """
    warm_up(network, seconds=_WARM_UP_SHARE * seconds)
    warm_up(reference, seconds=_WARM_UP_SHARE * seconds / 4)
    blocks = _Blocks(network, reference, 1000 * seconds * (1 - _WARM_UP_SHARE) / BLOCKS)
    for _ in range(ROUNDS):
        blocks.measure(BLOCKS)
        value_ms, low_ms, high_ms = blocks.figure(figure, nominal_ms)
        if high_ms - low_ms <= SETTLED_WIDTH * value_ms:
            break
    return blocks.timing(nominal_ms)


def warm_up(run: Run, *, seconds: float) -> None:
    """Run until the median over a window stops falling, for at most 12 windows of the given duration."""
    window_ms = 1000 * seconds / _WARM_WINDOWS
    before = math.inf
    for _ in range(_WARM_WINDOWS):
        times_ms = list(_times(run(1)).clock_ms)
        while sum(times_ms) < window_ms and len(times_ms) < 10_000:
            times_ms += _times(run(_runs_within(times_ms, window_ms - sum(times_ms)))).clock_ms
        median_ms = statistics.median(times_ms)
        if median_ms > before * (1 - _WARM_CHANGE):
            return
        before = median_ms


@dataclass(slots=True)
class _Blocks:
    """Blocks of runs of a network, each between two blocks of the reference network.

    Attributes:
        network: See `time_network`.
        reference: See `time_network`.
        block_ms: Duration of a block with its reference.
        clock_ms: Times of the runs of each block so far.
        wall_ms: The same on the wall clock.
        reference_ms: Medians of the reference before the first block and after each.
    """

    network: Run
    reference: Run
    block_ms: float
    clock_ms: list[Sequence[float]] = field(default_factory=list)
    wall_ms: list[Sequence[float]] = field(default_factory=list)
    reference_ms: list[float] = field(default_factory=list)
    _repeats: tuple[int, int] = (0, 0)

    def measure(self, count: int) -> None:
        """Add some blocks."""
        if not self.reference_ms:
            shares = ((self.network, 1 - _REFERENCE_SHARE), (self.reference, _REFERENCE_SHARE))
            first, second = (_runs_within(_times(run(1)).clock_ms, s * self.block_ms) for run, s in shares)
            self._repeats = (first, second)
            self.reference_ms.append(self._reference_now_ms())
        for _ in range(count):
            times = _times(self.network(self._repeats[0]))
            self.clock_ms.append(times.clock_ms)
            self.wall_ms.append(times.wall_ms)
            self.reference_ms.append(self._reference_now_ms())

    def figure(self, name: str, nominal_ms: float | None) -> IntervalFigure:
        """Return a figure of the blocks so far and the ends of its 95 % interval, milliseconds."""
        if name in _WALL_QUANTILES:
            return quantile_figure(self.wall_ms, _WALL_QUANTILES[name])
        corrections = self._corrections(nominal_ms)
        quickest = [c * min(b) for c, b in zip(corrections, self.clock_ms, strict=True)]
        median_ms, (low_ms, high_ms) = statistics.median(quickest), median_interval(quickest)
        return median_ms, min(low_ms, median_ms), max(high_ms, median_ms)

    def timing(self, nominal_ms: float | None) -> Timing:
        """Return the timing of the blocks so far."""
        corrections = self._corrections(nominal_ms)
        runs = sorted(c * t for c, b in zip(corrections, self.clock_ms, strict=True) for t in b)
        median_ms, low_ms, high_ms = self.figure(QUICKEST, nominal_ms)
        return Timing(
            median_ms=median_ms,
            low_ms=low_ms,
            high_ms=high_ms,
            p90_ms=max(median_ms, runs[math.ceil(0.9 * len(runs)) - 1]),
            stable=(high_ms - low_ms) <= STABLE_WIDTH * median_ms,
            reference_ms=statistics.median(self.reference_ms),
            drift=max(self.reference_ms) / min(self.reference_ms) - 1,
            runs=len(runs),
            attempts=len(self.clock_ms) // BLOCKS,
            wall_median=self.figure("median", None),
            wall_p90=self.figure("p90", None),
        )

    def _corrections(self, nominal_ms: float | None) -> list[float]:
        """Return by what each block is multiplied against the drift of the reference around it."""
        nominal = statistics.median(self.reference_ms) if nominal_ms is None else nominal_ms
        return [2 * nominal / (before + after) for before, after in itertools.pairwise(self.reference_ms)]

    def _reference_now_ms(self) -> float:
        return statistics.median(_times(self.reference(self._repeats[1])).clock_ms)


def quantile_figure(blocks_ms: Sequence[Sequence[float]], q: float) -> IntervalFigure:
    """Return a quantile of the runs of some blocks and the ends of its 95 % interval, milliseconds."""
    runs_ms = sorted(time_ms for block_ms in blocks_ms for time_ms in block_ms)
    value_ms = runs_ms[math.ceil(q * len(runs_ms)) - 1]
    low_ms, high_ms = quantile_interval(blocks_ms, q)
    return value_ms, min(value_ms, low_ms), max(value_ms, high_ms)


def _times(measured: Times | Sequence[float]) -> Times:
    """Return runs with both clocks, which are one where only one was read."""
    return measured if isinstance(measured, Times) else Times(measured, measured)


def _runs_within(times_ms: Sequence[float], span_ms: float) -> int:
    """Return the number of runs that fit into a span, at least one."""
    typical_ms = max(statistics.median(times_ms), 1e-4)
    return max(1, min(1000, int(span_ms / typical_ms)))
