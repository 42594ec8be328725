"""Acquisitions against what a large sample says."""

import math

import numpy as np
import pytest
import torch

from nas.bayesopt.acquisition import (
    cells_above,
    conditioned,
    log_expected_hypervolume_improvement,
    log_expected_improvement,
    log_noisy_expected_improvement,
    log_probability_of_feasibility,
)
from tests.nas.bayesopt.volumes import hypervolume


def tensor(values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_log_improvement_is_that_of_a_sample_and_finite_far_below() -> None:
    rng = np.random.default_rng(0)
    for mean, sd, best in ((0.0, 1.0, 0.5), (1.0, 0.3, 0.8), (-1.0, 2.0, 1.0)):
        sample = np.maximum(rng.normal(mean, sd, 400_000) - best, 0.0).mean()
        exact = log_expected_improvement(tensor(mean), tensor(sd), tensor(best)).exp()
        assert float(exact) == pytest.approx(sample, rel=0.02)  # 6 standard errors at the rarest
    far = log_expected_improvement(tensor([-50.0, -60.0]), tensor([1.0, 1.0]), tensor([0.0, 0.0]))
    assert torch.isfinite(far).all()
    assert far[0] > far[1]


def test_conditioning_is_that_of_a_joint_normal() -> None:
    root = np.random.default_rng(1).normal(size=(4, 6))
    joint = root @ root.T
    mean = np.array([0.1, -0.4, 0.3, 0.9])
    given, asked = slice(2, 4), slice(0, 2)
    means, variance, base = conditioned(
        tensor(mean[asked]),
        tensor(np.diag(joint)[asked].copy()),
        tensor(mean[given]),
        tensor(joint[given, given]),
        tensor(joint[asked, given]),
        tensor([[0.7, -1.1]]),
    )
    solve = joint[asked, given] @ np.linalg.inv(joint[given, given])
    expected = mean[asked] + solve @ (base[0].numpy() - mean[given])
    left = np.diag(joint[asked, asked] - solve @ joint[given, asked])
    np.testing.assert_allclose(means[0].numpy(), expected, rtol=2e-3)
    np.testing.assert_allclose(variance.numpy(), left, rtol=2e-3)


def test_noisy_improvement_of_a_certain_base_is_the_plain_one() -> None:
    mean, variance = tensor([0.2, 1.0]), tensor([0.25, 0.5])
    base = tensor([[0.5, 9.0]]).expand(3, 2)
    noisy = log_noisy_expected_improvement(mean.expand(3, 2), variance, base, torch.tensor([True, False]))
    plain = log_expected_improvement(mean, variance.sqrt(), tensor([0.5, 0.5]))
    torch.testing.assert_close(noisy, plain)


@pytest.mark.parametrize("m", [2, 3])
def test_expected_volume_is_that_of_a_sample(m: int) -> None:
    rng = np.random.default_rng(m)
    front = rng.uniform(0.2, 1.0, (4, m))
    mean, sd, corner = rng.uniform(0.4, 0.9, (3, m)), 0.3, np.zeros(m)
    exact = log_expected_hypervolume_improvement(
        tensor(mean), tensor(np.full((3, m), sd**2)), cells_above(tensor(front), tensor(corner))
    ).exp()
    before = hypervolume(front, corner)
    for i in range(3):
        draws = rng.normal(mean[i], sd, (1_500, m))
        gains = np.array([hypervolume(np.vstack([front, y]), corner) for y in draws]) - before
        error = gains.std() / math.sqrt(len(gains))
        assert float(exact[i]) == pytest.approx(gains.mean(), abs=5 * error)  # fails once in 1e6


def test_a_hopeless_volume_still_ranks() -> None:
    low = tensor([[-40.0, -40.0], [-50.0, -50.0]])
    worth = log_expected_hypervolume_improvement(
        low, torch.ones_like(low), cells_above(tensor([[1.0, 1.0]]), tensor([0.0, 0.0]))
    )
    assert torch.isfinite(worth).all()
    assert worth[0] > worth[1]


def test_fitting_multiplies_over_constraints() -> None:
    both = log_probability_of_feasibility(tensor([[0.0, -1.0]]), tensor([[1.0, 1.0]]))
    assert float(both.exp()) == pytest.approx(0.5 * 0.841345, rel=1e-5)
