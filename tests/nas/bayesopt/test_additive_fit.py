"""A sum over parameters is found under noise, and only where there is one."""

import numpy as np
import pytest

from nas.bayesopt.additive_fit import AdditiveFit

RNG = np.random.default_rng(0)
FEATURES = RNG.standard_normal((300, 12))
WEIGHTS = RNG.standard_normal(12)


def test_a_sum_is_found_under_noise_and_its_errors_are_right():
    truth = 5.0 + FEATURES @ WEIGHTS
    fit = AdditiveFit.of(FEATURES[:100], truth[:100] + RNG.standard_normal(100))
    expected, error = fit.predict(FEATURES[100:])
    assert fit.skill > 0.8
    # All networks share the errors of 12 weights: the mean square of the deviates is 1 with
    # a standard deviation of about 0.4.
    assert 0.2 < float((((expected - truth[100:]) / error) ** 2).mean()) < 3.0


def test_noise_has_no_skill():
    assert AdditiveFit.of(FEATURES, RNG.standard_normal(300)).skill < 0.1


@pytest.mark.parametrize("values", [np.full(300, 2.0), FEATURES[:, 0] * 1e-12])
def test_it_takes_values_that_hardly_differ(values: np.ndarray):
    expected, error = AdditiveFit.of(FEATURES, values).predict(FEATURES)
    np.testing.assert_allclose(expected, values, atol=1e-9)
    assert np.isfinite(error).all()
