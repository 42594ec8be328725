"""Fits the hyper-parameters of a Gaussian process: maximum a posteriori by L-BFGS-B."""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from gpytorch import Module
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

JITTER: Final = 1e-5
"""Noise variance added to every observation, for values of variance 1."""

_REACH: Final = 4.0  # bound on each hyper-parameter, in standard deviations of its prior


def fit(
    process: Module,
    x: Float[Tensor, "n d"],
    y: Float[Tensor, " n"],
    start: NDArray[np.float64] | None,
    steps: int,
    mean: Callable[[Float[Tensor, "n d"]], Float[Tensor, " n"]] | None = None,
) -> NDArray[np.float64]:
    """Return the most probable hyper-parameters of `process`, and set them.

    Maximises log p(y | x, hyper-parameters) + log p(hyper-parameters) by L-BFGS-B.

    Args:
        process: Module with `covariance(x)`, noise included; each parameter has one registered normal prior.
        x: Inputs.
        y: Standardised values.
        start: Starting point; None for the means of the priors.
        steps: Maximum number of iterations.
        mean: Function from inputs to expected values, which depend on the hyper-parameters; 0 by default.
    """
    parameters = list(process.parameters())
    loc, scale = _priors(process)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        load(process, flat)
        process.zero_grad()
        value = -log_likelihood(process.covariance(x), y if mean is None else y - mean(x))
        value.backward()
        grads = np.concatenate([_gradient(p) for p in parameters])
        offset = (flat - loc) / scale
        return float(value.detach()) + 0.5 * float(offset @ offset), grads + offset / scale

    initial = loc if start is None or len(start) != len(loc) else start
    bounds = list(zip(loc - _REACH * scale, loc + _REACH * scale, strict=True))
    found = minimize(loss, initial, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    optimum: NDArray[np.float64] = np.asarray(found.x, dtype=np.float64)
    load(process, optimum)
    return optimum


def _gradient(parameter: torch.nn.Parameter) -> NDArray[np.float64]:
    """Return the gradient of a parameter; 0 where no value depends on it, as in a space without factors."""
    grad = parameter.grad
    return np.zeros(parameter.numel()) if grad is None else np.asarray(grad).ravel()


def log_likelihood(covariance: Float[Tensor, "n n"], y: Float[Tensor, " n"]) -> Tensor:
    """Return log N(y; 0, covariance) up to a constant."""
    chol = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(chol, y[:, None], upper=False)
    return -0.5 * (white**2).sum() - chol.diagonal().log().sum()


def load(process: Module, flat: NDArray[np.float64]) -> None:
    """Set the hyper-parameters of `process` to `flat`, in the order of its parameters."""
    at = 0
    with torch.no_grad():
        for p in process.parameters():
            p.copy_(torch.from_numpy(flat[at : at + p.numel()]).reshape(p.shape))
            at += p.numel()


def _priors(process: Module) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means and standard deviations of the priors, in the order of the parameters."""
    by_id = {id(closure(module)): prior for _, module, prior, closure, _ in process.named_priors()}
    both = [
        (prior.loc.expand(p.shape), prior.scale.expand(p.shape))
        for p in process.parameters()
        for prior in [by_id[id(p)]]
    ]
    loc = np.concatenate([np.asarray(mean.double()).ravel() for mean, _ in both])
    return loc, np.concatenate([np.asarray(sd.double()).ravel() for _, sd in both])
