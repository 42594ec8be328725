"""Kernel of the latency surrogate: a network's latency is a sum over its operations, each of unknown time.

    cov(A, B) = sum over operations a of A and b of B of one kind:
                    amounts(a) weights amounts(b) + bend * scale(a) scale(b) matern(sizes(a), sizes(b))
              + a shared offset and a deviation of whole networks

The first term says that time grows with MACs, with elements moved and with the number of operations; the
second that a runtime handles some sizes better than others, and similar sizes similarly. Times are learnt
for operations rather than for networks, so a few measured networks inform the predictions of all others.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import gpytorch
import torch
from gpytorch.priors import NormalPrior
from jaxtyping import Float
from torch import Tensor, nn

from nas.surrogates.latency_operations import AMOUNTS, KINDS, SIZES, Part
from nas.surrogates.matern import matern

_PRIORS: Final = {  # of the logarithm of a standard deviation or length: mean, standard deviation
    "log_weights": (math.log(0.3), 1.5),
    "log_sources": (math.log(0.3), 1.0),
    "log_source": (0.0, 1.0),
    "log_bend": (math.log(0.5), 0.7),
    "log_lengths": (math.log(2.0), 0.7),
    "log_whole": (math.log(0.05), 1.0),
    "log_whole_length": (0.0, 0.5),
    "log_offset": (math.log(0.2), 1.0),
    "log_noise": (math.log(0.015), 0.7),
}
_WITH_SOURCE: Final = {  # priors where another target's model explains most of the latency
    "log_weights": (math.log(0.2), 1.2),
    "log_bend": (math.log(0.4), 0.7),
    "log_offset": (math.log(0.05), 1.0),
}


class LatencyKernel(gpytorch.Module):
    """Covariance of networks, and of single operations, given the operations that they run.

    Amounts are scaled so that a typical network has 1 of each. With `source` there is a further amount at the
    end: the time that another target's model predicts for each operation.

    Args:
        source: Whether the model of another target is used.
    """

    def __init__(self, *, source: bool) -> None:
        super().__init__()
        shapes = {
            "log_weights": (len(KINDS), AMOUNTS),
            "log_sources": (len(KINDS), 1),
            "log_lengths": (SIZES,),
        }
        for name, prior in _PRIORS.items():
            if name in {"log_sources", "log_source"} and not source:
                continue
            mean, sd = _WITH_SOURCE.get(name, prior) if source else prior
            value = torch.full(shapes.get(name, (1,)), mean, dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(value))
            self.register_prior(f"{name}_prior", NormalPrior(mean, sd), lambda m, name=name: getattr(m, name))
        self.source = source

    def between(self, a: Mapping[str, Part], b: Mapping[str, Part]) -> Float[Tensor, "n m"]:
        """Return the covariance of networks, in units of a typical latency squared."""
        totals = _totals(a), _totals(b)
        covariance = self._of_networks(*totals)
        for kind in a:
            if kind in b:
                ends = [(parts[kind], self._weighted(kind, parts[kind])) for parts in (a, b)]
                inner = self._inner(*ends[0], *ends[1])
                covariance = covariance + a[kind].counts @ inner @ b[kind].counts.mT
        return covariance

    def operations(self, kind: str, a: Part, b: Mapping[str, Part]) -> Float[Tensor, "u m"]:
        """Return the covariance of single operations of a kind with networks."""
        totals = _totals(b)
        covariance = torch.zeros(len(a.amounts), len(totals), dtype=torch.float64)
        if kind in b:
            inner = self._inner(a, self._weighted(kind, a), b[kind], self._weighted(kind, b[kind]))
            covariance = covariance + inner @ b[kind].counts.mT
        if self.source:
            covariance = covariance + self.log_source.exp() ** 2 * torch.outer(
                a.amounts[:, -1], totals[:, -1]
            )
        return covariance

    def sizes(self, parts: Mapping[str, Part]) -> Float[Tensor, " n"]:
        """Return the size of networks, by MACs and elements moved; a typical one has size 1."""
        return _totals(parts)[:, :3].mean(dim=1)

    def noise(self, latencies: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return the variance of measurement noise, which is proportional to the squared latency."""
        return (self.log_noise.exp() * latencies) ** 2 + 1e-8

    def _inner(self, a: Part, wa: Tensor, b: Part, wb: Tensor) -> Tensor:
        """Return the covariance of operations of one kind, [u, v]."""
        lengths = self.log_lengths.exp()
        za, zb = a.sizes / lengths, b.sizes / lengths
        scales = [((w**2).sum(-1) + 1e-12).sqrt() for w in (wa, wb)]
        return wa @ wb.mT + self.log_bend.exp() ** 2 * torch.outer(*scales) * matern(za, zb)

    def _weighted(self, kind: str, part: Part) -> Tensor:
        """Return the amounts of operations times their weights, [u, amounts]."""
        row = KINDS.index(kind)
        weights: Any = self.log_weights[row].exp()
        if self.source:
            weights = torch.cat([weights, self.log_sources[row].exp()])
        return part.amounts * weights

    def _of_networks(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the covariance of networks that their operations do not explain, [n, m]."""
        length = self.log_whole_length.exp()
        ga, gb = a[:, :AMOUNTS].log() / length, b[:, :AMOUNTS].log() / length
        sizes = torch.outer(a[:, :3].mean(dim=1), b[:, :3].mean(dim=1))
        shared = self.log_offset.exp() ** 2 + self.log_whole.exp() ** 2 * sizes * matern(ga, gb)
        if self.source:
            shared = shared + self.log_source.exp() ** 2 * torch.outer(a[:, -1], b[:, -1])
        return shared


def _totals(parts: Mapping[str, Part]) -> Float[Tensor, "n a"]:
    """Return the amounts of whole networks."""
    return torch.stack([part.counts @ part.amounts for part in parts.values()]).sum(dim=0)
