"""Acquisition functions in logarithms: expected improvement, hypervolume improvement, feasibility.

Log-space improvement after Ament et al., 2023 (https://arxiv.org/abs/2310.20708), from BoTorch's
log-space functions; noisy expected improvement after Letham et al., 2019 (https://arxiv.org/abs/1706.07094).
Objectives are maximised; constraints are feasible where <= 0. Logarithms still rank points that are far
from improving.
"""

import math
from typing import Final

import torch
from botorch.utils.multi_objective.box_decompositions import FastNondominatedPartitioning
from botorch.utils.probability.utils import log_phi, ndtr, phi
from botorch.utils.safe_math import log1mexp
from jaxtyping import Bool, Float
from torch import Tensor

_ASYMPTOTIC: Final = 1e6  # standard deviations below the best from which 1 - |u| Phi(u) / phi(u) is u**-2
_CELLS: Final = 200_000  # maximum number of candidates x boxes compared at once


def log_expected_improvement(
    mean: Float[Tensor, "*batch"], stddev: Float[Tensor, "*batch"], best: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Return log E[max(0, f - best)] for f ~ N(mean, stddev**2), elementwise."""
    return _log_improvement((mean - best) / stddev) + stddev.log()


def _log_improvement(u: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Return log(phi(u) + u Phi(u)), elementwise (Ament et al., equation 9).

    `botorch.acquisition.LogExpectedImprovement` computes the same of a model, not of means and deviations.
    """
    above, below = u.clamp_min(-1.0), u.clamp(-_ASYMPTOTIC, -1.0)
    # log(|u| Phi(u) / phi(u)), which goes to 0 from below: |u| stays inside for the sake of precision.
    share = (torch.special.erfcx(-below / math.sqrt(2)) * below.abs()).log() + math.log(math.pi / 2) / 2
    tail = torch.where(u > -_ASYMPTOTIC, log1mexp(share), -2 * u.clamp_max(-1.0).abs().log())
    return torch.where(u > -1, (phi(above) + above * ndtr(above)).log(), log_phi(u) + tail)


def conditioned(
    mean: Float[Tensor, " n"],
    variance: Float[Tensor, " n"],
    base_mean: Float[Tensor, " b"],
    base_covariance: Float[Tensor, "b b"],
    across: Float[Tensor, "n b"],
    draws: Float[Tensor, "s b"],
) -> tuple[Float[Tensor, "s n"], Float[Tensor, " n"], Float[Tensor, "s b"]]:
    """Return mean and variance of candidates given the values at base points.

    Args:
        mean: Mean of each candidate.
        variance: Variance of each candidate.
        base_mean: Mean of each base point: those observed with noise and those still running.
        base_covariance: Covariance of the base points.
        across: Covariance of candidates and base points.
        draws: Standard normal numbers; zeros set the base points to their means.

    Returns:
        Means given each draw, the variance, which is the same for all, and the base values drawn.
    """
    b = len(base_mean)
    eye = torch.eye(b, dtype=mean.dtype)
    size = base_covariance.diagonal().mean().clamp_min(1e-12) if b else mean.new_ones(())
    chol = torch.linalg.cholesky(base_covariance + 1e-4 * size * eye)
    base = base_mean + draws @ chol.mT
    root = torch.linalg.solve_triangular(chol, across.mT, upper=False)  # [b, n]
    left = (variance - (root**2).sum(0)).clamp_min(1e-4 * variance.clamp_min(1e-12))
    return mean + draws @ root, left, base


def log_noisy_expected_improvement(
    mean: Float[Tensor, "s n"],
    variance: Float[Tensor, " n"],
    base: Float[Tensor, "s b"],
    feasible: Bool[Tensor, " b"],
) -> Float[Tensor, " n"]:
    """Return the log improvement on the best feasible base point, averaged over draws.

    Args:
        mean: Mean of each candidate given each draw of the base points.
        variance: Variance of each candidate given any draw.
        base: Values of the base points in each draw.
        feasible: Whether each base point is feasible; at least one is.
    """
    best = base[:, feasible].amax(dim=1, keepdim=True)  # [s, 1]
    each = log_expected_improvement(mean, variance.sqrt().expand_as(mean), best.expand_as(mean))
    return each.logsumexp(dim=0) - math.log(len(mean))


def log_expected_hypervolume_improvement(
    mean: Float[Tensor, "n m"],
    variance: Float[Tensor, "n m"],
    cells: Float[Tensor, "2 c m"],
) -> Float[Tensor, " n"]:
    """Return the log of the exact expected hypervolume improvement of each candidate.

    In each box above the front, the expected volume is a product over objectives of two expected
    improvements' difference (Yang et al., 2019, https://arxiv.org/abs/1812.02232), here taken in logarithms.

    Args:
        mean: Means of independent objectives.
        variance: Variances of the objectives.
        cells: The boxes, see `cells_above`.
    """
    size = max(1, _CELLS // cells.shape[1])
    parts = zip(mean.split(size), variance.split(size), strict=True)
    return torch.cat([_log_volume(mu, var, cells) for mu, var in parts])


def cells_above(front: Float[Tensor, "p m"], reference: Float[Tensor, " m"]) -> Float[Tensor, "2 c m"]:
    """Return the lower and upper corners of boxes that fill what a front leaves of the hypervolume.

    Args:
        front: Values of the Pareto front to improve upon.
        reference: Reference point of the hypervolume.
    """
    bounds: Tensor = FastNondominatedPartitioning(reference, front).get_hypercell_bounds()
    return bounds


def _log_volume(
    mean: Float[Tensor, "n m"], variance: Float[Tensor, "n m"], cells: Float[Tensor, "2 c m"]
) -> Float[Tensor, " n"]:
    mu, sd = mean[:, None], variance.sqrt()[:, None]  # [n, 1, m]
    low, high = cells[0].expand(len(mean), -1, -1), cells[1].expand(len(mean), -1, -1)
    from_low = log_expected_improvement(mu.expand_as(low), sd.expand_as(low), low)
    finite = torch.isfinite(high)
    top = torch.where(finite, high, low)
    from_high = log_expected_improvement(mu.expand_as(low), sd.expand_as(low), top)
    ratio = torch.where(finite, from_high - from_low, torch.full_like(low, -math.inf))
    side = from_low + torch.log1p(-ratio.clamp_max(-1e-9).exp())
    return side.sum(dim=-1).logsumexp(dim=-1)


def log_probability_of_feasibility(
    mean: Float[Tensor, "n k"], variance: Float[Tensor, "n k"]
) -> Float[Tensor, " n"]:
    """Return the log probability that all `k` independent constraints are <= 0."""
    return torch.special.log_ndtr(-mean / variance.sqrt()).sum(dim=1)
