"""The protocol on machines of which everything is known: their speed is a function of their clock."""

import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.latency.timing_protocol import BLOCKS, ROUNDS, Times, quantile_figure, time_network, warm_up


class Machine:
    """A machine on which time passes only while it runs networks."""

    def __init__(self, slowness=lambda _: 1.0, noise=0.0):
        self.now_ms, self.slowness = 0.0, slowness
        self.rng, self.noise = np.random.default_rng(0), noise
        self.calls = []

    def network(self, name, cost_ms):
        def run(count):
            self.calls.append((name, count))
            times_ms = []
            for _ in range(count):
                noise = math.exp(self.noise * self.rng.standard_normal())
                times_ms.append(cost_ms * self.slowness(self.now_ms) * noise)
                self.now_ms += times_ms[-1]
            return times_ms

        return run

    def time(self, cost_ms=5.0, seconds=1.0, nominal_ms=None):
        return time_network(
            self.network("net", cost_ms), self.network("ref", 1.0), seconds=seconds, nominal_ms=nominal_ms
        )


def test_an_undisturbed_machine_gives_the_exact_time():
    timing = Machine().time(5.0)
    assert timing.median_ms == timing.low_ms == timing.high_ms == timing.p90_ms == 5.0
    assert timing.stable
    assert timing.drift == 0.0
    assert timing.reference_ms == 1.0
    assert timing.attempts == 1


def test_drift_within_a_measurement_is_divided_out():
    timing = Machine(lambda ms: 1.0 + ms / 1000).time(5.0)  # twice as slow after a second
    assert timing.drift > 0.5
    assert timing.stable
    assert timing.high_ms / timing.low_ms < 1.02  # where the blocks themselves differ by half


def test_a_nominal_reference_makes_slow_and_fast_hours_agree():
    slow = Machine(lambda _: 1.7).time(5.0, nominal_ms=1.0)
    fast = Machine(lambda _: 1.0).time(5.0, nominal_ms=1.0)
    assert slow.median_ms == pytest.approx(fast.median_ms) == 5.0
    assert slow.reference_ms == pytest.approx(1.7)


def test_a_cold_start_is_not_in_the_figure():
    timing = Machine(lambda ms: 1.0 + 4.0 * math.exp(-ms / 10)).time(5.0)
    assert timing.p90_ms == pytest.approx(5.0, rel=1e-3)


def test_a_figure_that_stays_wide_is_repeated_and_marked_unstable():
    rng = np.random.default_rng(0)
    machine = Machine(lambda _: math.exp(rng.standard_normal()))
    timing = machine.time(400.0)  # one run in each block
    assert timing.attempts == ROUNDS
    assert not timing.stable
    assert timing.high_ms - timing.low_ms > 0.2 * timing.median_ms
    assert sum(name == "net" for name, _ in machine.calls) >= ROUNDS * BLOCKS


def test_a_disturbance_that_passes_costs_a_repeat_and_not_the_figure():
    rng = np.random.default_rng(0)
    round_ms = 20 * (400.0 + 1.0)
    machine = Machine(lambda ms: math.exp(abs(rng.standard_normal())) if ms < round_ms else 1.0)
    timing = machine.time(400.0)
    assert timing.stable
    assert timing.attempts > 1
    assert timing.median_ms == pytest.approx(400.0)


def test_network_and_reference_take_turns():
    machine = Machine()
    machine.time()
    names = [name for name, _ in machine.calls]
    ends = [name for name, _ in itertools.groupby(names[-2 * BLOCKS :])]
    assert ends == ["net", "ref"] * BLOCKS


def test_a_slow_network_still_runs_once_in_every_block():
    assert Machine().time(3000.0).runs == BLOCKS


@given(noise=st.floats(0.0, 0.05), cost_ms=st.floats(0.1, 50.0))
def test_the_figures_are_ordered(noise, cost_ms):
    timing = Machine(noise=noise).time(cost_ms)
    assert 0 < timing.low_ms <= timing.median_ms <= timing.high_ms
    assert timing.median_ms <= timing.p90_ms


def test_the_wall_clock_is_read_beside_the_clock_of_the_thread():
    rng = np.random.default_rng(0)

    def preempted(count):
        waits_ms = np.where(rng.random(count) < 0.2, 30.0, 0.0)  # others have the core in every fifth run
        return Times([5.0] * count, list(5.0 + waits_ms))

    timing = time_network(preempted, Machine().network("ref", 1.0), seconds=8.0)
    assert timing.median_ms == timing.high_ms == 5.0
    assert timing.wall_median[0] == 5.0
    assert timing.wall_p90[0] == 35.0
    assert timing.wall_p90[1] <= 35.0 <= timing.wall_p90[2]


def test_rounds_are_added_until_the_figure_that_is_asked_for_is_known():
    def run(rng, count):
        return Times([5.0] * count, list(5.0 * np.exp(rng.standard_normal(count))))

    attempts = {
        figure: time_network(
            functools.partial(run, np.random.default_rng(0)),
            Machine().network("ref", 1.0),
            seconds=0.5,
            figure=figure,
        ).attempts
        for figure in ("quickest", "median", "p90")
    }
    assert attempts == {"quickest": 1, "median": ROUNDS, "p90": ROUNDS}


def test_a_quantile_of_the_wall_clock_lies_within_its_interval():
    rng = np.random.default_rng(0)
    for q in (0.5, 0.9):
        value, low, high = quantile_figure(rng.exponential(size=(16, 9)).tolist(), q)
        assert low <= value <= high


def test_warming_up_ends_when_the_machine_is_warm():
    machine = Machine()
    warm_up(machine.network("net", 1.0), seconds=12.0)
    assert machine.now_ms < 2100.0  # two windows of a second
