import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import TargetError
from trials.latency.latency import UNSTABLE_EXCESS, Latency, between_run_spread
from trials.latency.timing_protocol import Timing

times_ms = st.floats(1e-3, 1e4)


def latency(low_ms=9.0, median_ms=10.0, high_ms=11.0, *, stable=True, **conditions):
    return Latency(
        median_ms=median_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        p90_ms=12.0,
        stable=stable,
        conditions=conditions,
    )


@given(times=st.lists(times_ms, min_size=3, max_size=3).map(sorted), stable=st.booleans())
def test_writing_and_reading_is_identity(times, stable):
    before = latency(*times, stable=stable, target="cpu", threads=1, governor=None)
    assert Latency.from_json(before.to_json()) == before


@pytest.mark.parametrize(
    "figures",
    [
        (9.0, -1.0, 11.0),
        (9.0, float("nan"), 11.0),
        (9.0, float("inf"), 11.0),
        (0.0, 1.0, 2.0),
        (3.0, 2.0, 1.0),
    ],
)
def test_a_figure_that_is_no_time_is_an_error(figures):
    with pytest.raises(TargetError, match="expected times above zero"):
        latency(*figures)


def test_fields_of_something_else_are_an_error():
    with pytest.raises(TargetError, match="Cannot read the latency"):
        Latency.from_json({"latency": 3.0})


def test_the_setting_leaves_out_what_describes_the_hour():
    measured = latency(target="cpu", device="x", threads=1, load=0.5, governor="powersave")
    assert measured.setting == {"target": "cpu", "device": "x", "threads": 1}


def test_the_bound_is_the_upper_end_widened_by_the_spread():
    assert latency().bound_ms(0.0) == 11.0
    assert latency().bound_ms(0.02) == pytest.approx(11.22)


def test_meeting_a_limit_takes_the_upper_end_and_the_spread_and_stability():
    assert latency().excess(11.0, 0.0) <= 0
    assert latency().excess(10.9, 0.0) > 0
    assert latency().excess(11.0, 0.01) > 0
    assert latency().excess(11.2, 0.01) <= 0
    assert latency(stable=False).excess(100.0, 0.0) > 0


def test_the_excess_is_the_share_by_which_the_bound_is_above_the_limit():
    assert latency().excess(10.0, 0.1) == pytest.approx(0.21)
    assert latency().excess(22.0, 0.0) == pytest.approx(-0.5)


def test_an_unstable_latency_exceeds_every_limit_by_at_least_a_fixed_share():
    assert latency(stable=False).excess(100.0, 0.0) == UNSTABLE_EXCESS
    assert latency(stable=False).excess(10.0, 0.0) == latency().excess(10.0, 0.0)


def test_the_spread_is_that_of_the_repeats_once_there_are_many():
    # The estimate has a standard error of 6 %: 25 % off happens once in 30,000.
    rng = np.random.default_rng(0)
    repeats = [list(7.0 * np.exp(0.05 * rng.standard_normal(2))) for _ in range(400)]
    assert between_run_spread(repeats) == pytest.approx(1.96 * 0.05, rel=0.25)


def test_a_measurement_that_a_neighbour_spoilt_does_not_widen_the_spread():
    quiet = [[10.0, 10.1]] * 20
    assert between_run_spread([*quiet, [10.0, 16.0]]) == pytest.approx(between_run_spread(quiet), rel=0.1)


def test_a_slow_drift_widens_the_spread_though_successive_repeats_agree():
    # Five minutes apart each differs by 0.4 % from the one before, and by up to 4 % within the hour.
    drifting = [[10.0 * (1 + 0.02 * np.sin(i / 5)) for i in range(60)]]
    deviation = np.std(np.log(drifting[0]))
    assert between_run_spread(drifting) == pytest.approx(1.96 * deviation, rel=0.3)
    shuffled = [list(np.random.default_rng(0).permutation(drifting[0]))]
    assert between_run_spread(shuffled) == pytest.approx(between_run_spread(drifting))


def test_one_network_repeated_often_counts_as_its_repeats():
    often = between_run_spread([[10.0, 10.0] * 20] + [[10.0, 11.0]] * 60)
    assert often > between_run_spread([[10.0, 10.0] * 20])
    assert often == pytest.approx(1.96 * np.log(1.1) / np.sqrt(2) / 0.6745, rel=0.15)


def test_the_figures_of_the_wall_clock_are_latencies_of_their_own():
    wall = {"wall_median_ms": 30.0, "wall_median_low_ms": 25.0, "wall_median_high_ms": 36.0}
    measured = latency(target="cpu", clock="thread", **wall)
    median = measured.figure("median")
    assert median is not None
    assert (median.median_ms, median.low_ms, median.high_ms, median.stable) == (30.0, 25.0, 36.0, True)
    assert median.setting == measured.setting
    assert median.excess(40.0, 0.1) <= 0 < median.excess(39.0, 0.1)
    assert measured.figure("quickest") is measured
    assert measured.figure("p90") is None
    assert list(measured.wall) == ["median"]
    assert measured.circumstances == {"target": "cpu", "clock": "thread"}
    assert "CPU clock" in measured.meaning
    assert "wall clock" in median.meaning
    assert Latency.from_json(measured.to_json()) == measured


def test_without_repeats_the_spread_is_a_few_percent():
    assert 0.01 < between_run_spread([]) < 0.05
    assert between_run_spread([[5.0], [7.0]]) == between_run_spread([])
    assert between_run_spread([[5.0, 5.0]] * 100) < 0.01


def test_the_interval_allows_for_other_sessions_of_the_runtime():
    timing = Timing(
        median_ms=10.0,
        low_ms=10.0,
        high_ms=10.5,
        p90_ms=11.0,
        stable=True,
        reference_ms=1.0,
        drift=0.0,
        runs=64,
        attempts=1,
        wall_median=(12.0, 11.0, 13.0),
        wall_p90=(20.0, 18.0, 25.0),
    )
    measured = Latency.of(timing, {"target": "cpu"})
    assert measured.low_ms == pytest.approx(10.0 * np.exp(-0.0196))
    assert 10.5 < measured.high_ms < 10.5 * np.exp(0.0196)
    assert measured.wall["p90"].high_ms == 25.0
    assert Timing.from_json(json.loads(json.dumps(asdict(timing)))) == timing
