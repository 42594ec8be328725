"""The time that a search will take is said as a range."""

from typing import Any

import pytest

from nas.orchestration.time_forecast import Forecast, _at, search_seconds
from trials.recipes import load_recipe


@pytest.mark.parametrize(
    ("low_s", "high_s", "words"),
    [
        (20.0, 45.0, "about 20 to 45 s"),
        (150.0, 290.0, "about 2 to 5 min"),
        (10.0, 200.0, "up to 3 min"),
        (100.0, 110.0, "about 2 min"),
        (3000.0, 9000.0, "about 1 to 2 h"),
        (90.0, 90.0, "about 1 min 30 s"),
    ],
)
def test_a_range_is_said_in_one_unit(low_s: float, high_s: float, words: str):
    assert str(Forecast(low_s=low_s, high_s=high_s)) == words


def test_the_default_search_is_within_its_range():
    """tests/benchmarks/results/search_defaults.md: 3 min 59 s, 6 of 16 stopped early, installation included.

    Its trainings took 86 % of two slots for 66 epochs: 6.2 s for 1,078 images and their evaluation.
    """
    expected = search_seconds(
        4.85e-3, images=1078, validation=359, recipe=load_recipe("proxy"), trials=16, slots=2
    )
    assert expected.low_s < 230 < expected.high_s
    assert expected.high_s < 3 * expected.low_s


def test_tiny_networks_are_not_free():
    """Steps of a network of no size still take a process, an epoch's end and a proposal."""
    expected = search_seconds(
        1e-6, images=1078, validation=359, recipe=load_recipe("proxy"), trials=16, slots=2
    )
    assert expected.low_s > 15


def test_smaller_images_take_less_time_and_the_own_resolution_what_it_took():
    given: dict[str, Any] = {"images": 20_000, "validation": 500, "trials": 16, "slots": 2}
    recipe = load_recipe("proxy")
    whole = search_seconds(1e-3, recipe=recipe, **given)
    assert search_seconds(1e-3, recipe=recipe, areas=[1.0] * 6, **given) == whole
    small = search_seconds(1e-3, recipe=recipe, areas=[0.25, 0.25, 0.5, 0.5, 1.0, 1.0], **given)
    assert 0.25 * whole.low_s < small.low_s < 0.7 * whole.low_s
    assert small.high_s < 0.7 * whole.high_s


def test_a_network_between_two_timed_ones_lies_on_their_line_and_never_below():
    import numpy as np

    sizes = np.array([100.0, 300.0])
    assert _at(200.0, sizes, [1.0, 2.0]) == pytest.approx(1.5)
    assert _at(50.0, sizes, [1.0, 2.0]) == 1.0
    assert _at(200.0, sizes, [2.0, 1.0]) == 2.0  # noise: the larger was quicker
