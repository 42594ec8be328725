"""True values of networks are estimated so that intervals hold for the best one too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.bayesopt.shrinkage import expected_shares, expected_values
from trials.training.evaluation import wilson_error

IMAGES = 360


def observed(rng: np.random.Generator, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return accuracies on a sample of images, with their standard errors."""
    shares = rng.binomial(IMAGES, true) / IMAGES
    return shares, np.array([wilson_error(p * (1 - p) / IMAGES, IMAGES) for p in shares])


def test_the_interval_of_the_best_of_equal_networks_holds():
    """Nominal 95 %: fewer than 54 of 60 has a probability below 3 %, and the raw interval holds 40 %."""
    rng = np.random.default_rng(0)
    held = raw = 0
    for _ in range(60):
        shares, errors = observed(rng, np.full(20, 0.95))
        means, deviations = expected_shares(shares, errors)
        best, luckiest = means.argmax(), shares.argmax()
        held += abs(means[best] - 0.95) <= 1.96 * deviations[best]
        raw += abs(shares[luckiest] - 0.95) <= 1.96 * errors[luckiest]
    assert held >= 54
    assert raw < 40


def test_differences_that_are_larger_than_the_noise_are_kept():
    true = np.linspace(0.5, 0.99, 12)
    shares, errors = observed(np.random.default_rng(0), true)
    means, deviations = expected_shares(shares, errors)
    assert np.abs(means - shares).max() < 0.03
    assert np.all(deviations[:-1] <= 1.4 * errors[:-1])  # the last made no mistake in these images


def test_a_lucky_network_among_poor_ones_of_its_kind_is_shrunk_more():
    kinds = np.repeat([0, 1], 6)
    correlation = np.where(kinds[:, None] == kinds, 0.95, 0.0) + 0.05 * np.eye(12)
    shares = np.array([0.90, 0.91, 0.90, 0.89, 0.90, 0.955, 0.95, 0.951, 0.949, 0.95, 0.952, 0.95])
    errors = np.array([wilson_error(p * (1 - p) / IMAGES, IMAGES) for p in shares])
    means, _ = expected_shares(shares, errors, correlation)
    assert shares.argmax() == 5
    assert means.argmax() in range(6, 12)


@given(st.lists(st.integers(0, IMAGES), min_size=1, max_size=12))
def test_any_shares_have_finite_expectations_in_the_unit_interval(counts: list[int]):
    shares = np.array(counts) / IMAGES
    errors = np.array([wilson_error(p * (1 - p) / IMAGES, IMAGES) for p in shares])
    means, deviations = expected_shares(shares, errors)
    assert np.isfinite(means).all()
    assert (means <= 1).all()
    assert (deviations > 0).all()


def test_more_values_than_are_taken_together_keep_their_order():
    rng = np.random.default_rng(0)
    values = rng.normal(0.0, 1.0, 450)
    means, deviations = expected_values(values, None, np.full(450, 0.5))
    assert np.corrcoef(means, values)[0, 1] > 0.99
    assert means.std() < values.std()
    assert deviations == pytest.approx(0.45, abs=0.1)
