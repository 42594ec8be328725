"""Covariances of the Gaussian process on architecture factors: kernel, noise and an unknown constant mean."""

from typing import Final

import gpytorch
import torch
from gpytorch.priors import NormalPrior
from jaxtyping import Float
from torch import Tensor, nn

from nas.surrogates.factor_kernel import FactorKernel
from nas.surrogates.hyperparameter_fit import JITTER

LEVEL: Final = 0.3
"""Variance of the constant mean, which is integrated out."""
EXPECTED: Final = 1.0
"""Expected slope of values along a source that they rise with, in units of its trust."""
_BLOCK_ROWS: Final = 128  # of a covariance at a time: a block stays in a processor's cache
_NOISE: Final = (-3.0, 1.0)  # prior of the logarithm of the noise variance: mean, sd


class FactorProcess(gpytorch.Module):
    """Kernel with noise and an unknown constant mean."""

    def __init__(self, kernel: FactorKernel, rising: Float[Tensor, " s"]) -> None:
        super().__init__()
        self.kernel, self.rising = kernel, rising
        self.known_noise: Float[Tensor, " n"] | None = None  # variances besides the fitted one
        self.register_parameter("log_noise", nn.Parameter(torch.tensor([_NOISE[0]], dtype=torch.float64)))
        self.register_prior("log_noise_prior", NormalPrior(*_NOISE), lambda m: m.log_noise)

    def covariance(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
        """Return the covariance of noisy values at `x`."""
        noise = self.log_noise.exp() + JITTER
        noisy = self.between(x, x) + noise * torch.eye(len(x), dtype=x.dtype)
        return noisy if self.known_noise is None else noisy + self.known_noise.diag()

    @torch.no_grad()
    def root(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
        """Return the Cholesky factor of `covariance`, which reads its lower triangle alone."""
        lower = torch.zeros((len(x), len(x)), dtype=x.dtype)
        for start in range(0, len(x), _BLOCK_ROWS):
            end = min(start + _BLOCK_ROWS, len(x))
            lower[start:end, :end] = self.between(x[start:end], x[:end])
        lower.diagonal().add_(self.log_noise.exp() + JITTER)
        if self.known_noise is not None:
            lower.diagonal().add_(self.known_noise)
        return torch.linalg.cholesky(lower)

    def mean(self, x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """Return what the sources of evidence expect at `x` before any value is seen."""
        if not self.kernel.sources:
            return torch.zeros(len(x), dtype=x.dtype)
        return EXPECTED * self.kernel.trusted(x) @ self.rising

    def between(self, a: Float[Tensor, "a d"], b: Float[Tensor, "b d"]) -> Float[Tensor, "a b"]:
        """Return the covariance of noiseless values at `a` and `b`."""
        if torch.is_grad_enabled() or len(a) <= _BLOCK_ROWS:
            return self.kernel.forward(a, b) + LEVEL
        return torch.cat([self.kernel.forward(rows, b).add_(LEVEL) for rows in a.split(_BLOCK_ROWS)])
