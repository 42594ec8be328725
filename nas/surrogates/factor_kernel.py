"""Kernel of the accuracy surrogate: compares architectures by their factors.

    k = main * S + pairs * S**2 + rest * matern(|x - x'|) + joint * matern(|g - g'| / lengths)
        + sum(trust**2 * z * z')

`S` is the weighted product of local features: a Gaussian process on main effects, its square one on
all pairs of factors (the additive kernels of Duvenaud et al., 2011, https://arxiv.org/abs/1112.4394,
to second order). `g` are the global factors: group means and slopes, realised factors, known costs.
`z` are the numbers that sources of evidence give a point, each with a trust of its own, fitted too.
Priors are log-normal and narrow enough that ten observations cannot curve them far; length scales
grow with the square root of their number (Hvarfner et al., 2024, https://arxiv.org/abs/2402.02229).
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import gpytorch
import torch
from gpytorch.priors import NormalPrior
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from nas.surrogates.matern import matern

_PRIORS: Final = {  # of the logarithm: mean, standard deviation
    "log_weights": (0.0, 0.8),
    "log_main": (-0.7, 1.0),
    "log_pairs": (-1.7, 1.0),
    "log_rest": (-2.0, 1.0),
    "log_joint": (-0.7, 1.0),
    "log_rest_length": (0.0, 0.5),
    "log_lengths": (0.5, 0.5),
    "log_curve": (0.0, 1.0),
    "log_drift": (-1.5, 1.0),
    "log_trust": (0.0, 1.0),
}


class FactorKernel(gpytorch.kernels.Kernel):
    """Covariance of architectures given their factors.

    An input is ``[local features | global features | evidence | log fidelity]``.

    Args:
        owners: Index of the weight of each local feature, ``[f]``.
        lengths: Index of the length scale of each global feature, ``[g]``.
        fidelities: Whether some values come from shorter trainings.
        trusts: Expected trust in each source of evidence, above 0, ``[s]``.
    """

    def __init__(
        self,
        owners: Tensor,
        lengths: Tensor,
        *,
        fidelities: bool,
        trusts: Sequence[float] = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.owners, self.lengths, self.fidelities = owners, lengths, fidelities
        self.sources = len(trusts)
        n_weights = int(owners.max()) + 1 if len(owners) else 1
        n_lengths = int(lengths.max()) + 1 if len(lengths) else 0
        sizes = {"log_weights": n_weights, "log_lengths": n_lengths, "log_trust": self.sources}
        for name, (mean, sd) in _PRIORS.items():
            if name in {"log_curve", "log_drift"} and not fidelities:
                continue
            if name == "log_trust" and not self.sources:
                continue
            if name in {"log_lengths", "log_joint"} and not n_lengths:
                continue
            shift = 0.5 * math.log(n_lengths) if name == "log_lengths" else 0.0
            value = torch.full((sizes.get(name, 1),), mean + shift, dtype=torch.float64)
            if name == "log_trust":
                value = torch.tensor(trusts, dtype=torch.float64).log()
            self.register_parameter(name, nn.Parameter(value.clone()))
            self.register_prior(
                f"{name}_prior", NormalPrior(value, sd), lambda m, name=name: getattr(m, name)
            )

    @override
    def forward(
        self,
        x1: Float[Tensor, "a d"],
        x2: Float[Tensor, "b d"],
        diag: bool = False,
        **params: Any,
    ) -> Tensor:
        """Return the covariance, ``[a, b]``, or its diagonal ``[a]``."""
        f = len(self.owners)
        weights = torch.softmax(self.log_weights, 0)[self.owners].sqrt() if f else torch.ones(0)
        a, b = x1[:, :f] * weights, x2[:, :f] * weights
        product = (a * b).sum(-1) if diag else a @ b.mT
        length = self.log_rest_length.exp()
        k = product * (self.log_main.exp() + self.log_pairs.exp() * product)
        k = k + self.log_rest.exp() * matern(a / length, b / length, diag=diag)
        if len(self.lengths):
            scale = self.log_lengths.exp()[self.lengths]
            end = f + len(self.lengths)
            ga, gb = x1[:, f:end] / scale, x2[:, f:end] / scale
            k = k + self.log_joint.exp() * matern(ga, gb, diag=diag)
        if self.sources:
            za, zb = self.trusted(x1), self.trusted(x2)
            k = k + ((za * zb).sum(-1) if diag else za @ zb.mT)
        if self.fidelities:
            k = self._with_fidelity(k, x1[:, -1:], x2[:, -1:], diag)
        return k

    def trusted(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n s"]:
        """Return what each source expects, times its trust."""
        return x[:, -1 - self.sources : -1] * self.log_trust.exp()

    def damping(self, x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """Return how far each value tells of that after a full training, in (0, 1]."""
        if not self.fidelities:
            return torch.ones(len(x), dtype=x.dtype)
        return torch.exp(-self.log_drift.exp() * x[:, -1].abs())

    def _with_fidelity(self, k: Tensor, t1: Tensor, t2: Tensor, diag: bool) -> Tensor:
        """Return `k` damped between different fidelities, plus a learning curve shared by all points."""
        squared = self.covar_dist(t1, t2, diag=diag, square_dist=True)
        drift = torch.exp(-self.log_drift.exp() * squared.clamp_min(1e-12).sqrt())
        line = (t1 * t2).sum(-1) if diag else t1 @ t2.mT
        ends = torch.exp(-0.5 * t1**2)[:, 0], torch.exp(-0.5 * t2**2)[:, 0]
        pinned = ends[0] * ends[1] if diag else torch.outer(*ends)  # no offset at full fidelity
        curve = torch.exp(-0.5 * squared) - pinned
        return k * drift + self.log_curve.exp() * (line + curve)
