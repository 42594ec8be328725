"""Fitting a surrogate's hyper-parameters: the most probable ones given the data and the priors."""

from typing import Final

import numpy as np
import torch
from gpytorch import Module
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

JITTER: Final = 1e-5
"""Noise variance that is always there, where the values have variance 1."""

_REACH: Final = 4.0  # standard deviations of its prior that a hyper-parameter may move


def fit(
    process: Module,
    x: Float[Tensor, "n d"],
    y: Float[Tensor, " n"],
    start: NDArray[np.float64] | None,
    steps: int,
) -> NDArray[np.float64]:
    """Return the most probable hyper-parameters of `process`, which is left holding them.

    Maximises log p(y | x, hyper-parameters) + log p(hyper-parameters) by L-BFGS-B.

    Args:
        process: Gives `covariance(x)` with noise; every parameter has one registered normal prior.
        x: Inputs.
        y: Values, standardised.
        start: Where to begin, or None for the priors' means.
        steps: Iterations of the optimiser at most.
    """
    parameters = list(process.parameters())
    loc, scale = _priors(process)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        load(process, flat)
        process.zero_grad()
        value = -log_likelihood(process.covariance(x), y)
        value.backward()
        grads = np.concatenate([_gradient(p) for p in parameters])
        off = (flat - loc) / scale
        return float(value.detach()) + 0.5 * float(off @ off), grads + off / scale

    begin = loc if start is None or len(start) != len(loc) else start
    bounds = list(zip(loc - _REACH * scale, loc + _REACH * scale, strict=True))
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    best: NDArray[np.float64] = np.asarray(found.x, dtype=np.float64)
    load(process, best)
    return best


def _gradient(parameter: torch.nn.Parameter) -> NDArray[np.float64]:
    """Return the gradient of a parameter, 0 where nothing depends on it: a space without factors."""
    grad = parameter.grad
    return np.zeros(parameter.numel()) if grad is None else np.asarray(grad).ravel()


def log_likelihood(covariance: Float[Tensor, "n n"], y: Float[Tensor, " n"]) -> Tensor:
    """Return log N(y; 0, covariance) up to a constant."""
    chol = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(chol, y[:, None], upper=False)
    return -0.5 * (white**2).sum() - chol.diagonal().log().sum()


def load(process: Module, flat: NDArray[np.float64]) -> None:
    """Give `process` the hyper-parameters `flat`, in the order of its parameters."""
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
