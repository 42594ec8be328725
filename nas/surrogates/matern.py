"""Matérn-5/2 correlations between points."""

import math
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

_ROOT: Final = math.sqrt(5.0)
_NEAREST: Final = 1e-30  # squared distance that counts as 0: the root has no slope there


def matern(
    a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], *, diag: bool = False
) -> Float[Tensor, "n m"] | Float[Tensor, " n"]:
    """Return the correlations of points that were divided by their length scales.

    Args:
        a: Scaled points.
        b: Scaled points, as many as `a` for the diagonal.
        diag: Whether to return the diagonal alone.
    """
    if diag:
        squared = ((a - b) ** 2).sum(-1)
    else:
        centre = a.mean(dim=0, keepdim=True)  # smaller numbers lose fewer digits in the difference below
        a, b = a - centre, b - centre
        squared = torch.addmm((b**2).sum(-1), a, b.mT, alpha=-2.0) + (a**2).sum(-1, keepdim=True)
    scaled = _ROOT * squared.clamp_min(_NEAREST).sqrt()
    if torch.is_grad_enabled():
        return (1.0 + scaled + scaled**2 / 3.0) * torch.exp(-scaled)
    decay = torch.exp(-scaled)  # in place from here on: a proposal spends most of its time in these few lines
    return scaled.mul(1 / 3).add_(1.0).mul_(scaled).add_(1.0).mul_(decay)
