"""Two networks are told apart by a difference with an interval, never by a word."""

from pathlib import Path

import pytest

from dashboards.difference import difference
from dashboards.reports import REPORTS
from tests.dashboards.searches import findings, network
from trials.training.evaluation import wilson_error


def reached(trial: int, right: int, images: int, **changes):
    share = right / images
    error = round(wilson_error(share * (1 - share) / images, images), 6)
    return network(trial, accuracy=share, standard_error=error, **changes)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe, 1998, table II, method 10
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0000),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_the_interval_of_two_shares_is_that_of_newcombe(one, other, low, high):
    found = difference(reached(1, *one), reached(0, *other))
    assert found.value == pytest.approx(one[0] / one[1] - other[0] / other[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-3)


def test_expected_values_have_their_own_deviations():
    one, other = (
        reached(n, 20, 40, posterior_mean=mean, posterior_sd=0.03) for n, mean in ((1, 0.52), (0, 0.5))
    )
    assert str(difference(one, other)) == "+2.00 [-6.32, +10.32]"


def test_without_an_error_there_is_no_interval():
    assert str(difference(network(1, standard_error=None), network(0, accuracy=0.9))) == "+7.50"


def test_a_report_gives_large_differences_on_few_images_as_figures(tmp_path: Path):
    (path,) = REPORTS["html"](findings(reached(0, 21, 40), reached(1, 16, 40)), tmp_path / "report")
    page = path.read_text()
    assert "-12.50 [-32." in page
    assert not any(word in page for word in (">similar<", ">lower<", "“Similar”"))
