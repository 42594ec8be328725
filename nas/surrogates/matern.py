"""Matérn-5/2 correlations between points, by GPyTorch's kernel at length scale 1."""

from functools import cache

from gpytorch.kernels import MaternKernel
from jaxtyping import Float
from torch import Tensor


def matern(
    a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], *, diag: bool = False
) -> Float[Tensor, "n m"] | Float[Tensor, " n"]:
    """Return the correlations of points that were divided by their length scales.

    Args:
        a: Scaled points.
        b: Scaled points, as many as `a` for the diagonal.
        diag: Whether to return the diagonal alone.
    """
    return _unit_kernel().forward(a, b, diag=diag)


@cache
def _unit_kernel() -> MaternKernel:
    """Return the kernel; its length scale stays 1 and is not a hyper-parameter of any surrogate."""
    kernel = MaternKernel(nu=2.5).double().requires_grad_(requires_grad=False)
    kernel.lengthscale = 1.0
    return kernel
