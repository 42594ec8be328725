import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import TargetError
from trials.latency.latency import UNSTABLE_EXCESS, Latency, between_run_spread

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


def test_without_repeats_the_spread_is_a_few_percent():
    assert 0.01 < between_run_spread([]) < 0.05
    assert between_run_spread([[5.0], [7.0]]) == between_run_spread([])
    assert between_run_spread([[5.0, 5.0]] * 100) < 0.01
