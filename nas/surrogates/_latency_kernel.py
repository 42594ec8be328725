"""The prior over networks' latencies: a sum over operations, each of an unknown time.

    cov(A, B) = sum over operations a of A and b of B of one kind:
                    amounts(a) weights amounts(b) + bend * scale(a) scale(b) matern(sizes(a), sizes(b))
              + what networks share and what sets a whole network apart

The first term says that time grows with MACs, with elements moved and with the number of operations; the
second that a runtime has its own mind about shapes, and that similar shapes fare alike. Nothing is learnt
of a network as a whole but of its operations, so a few networks say much about all others.
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
_WITH_SOURCE: Final = {  # another target's model explains most of it
    "log_weights": (math.log(0.2), 1.2),
    "log_bend": (math.log(0.4), 0.7),
    "log_offset": (math.log(0.05), 1.0),
}


class LatencyKernel(gpytorch.Module):
    """Compares networks by the operations that they run.

    Its parts have amounts scaled to a mean of one network; with `source` a further amount, the time that
    another target's model gives each operation, comes last.

    Args:
        source: Whether there is one.
    """

    def __init__(self, *, source: bool) -> None:
        super().__init__()
        shapes = {
            "log_weights": (len(KINDS), AMOUNTS),
            "log_sources": (len(KINDS), 1),
            "log_lengths": (SIZES,),
        }
        for name, usual in _PRIORS.items():
            if name in {"log_sources", "log_source"} and not source:
                continue
            mean, sd = _WITH_SOURCE.get(name, usual) if source else usual
            value = torch.full(shapes.get(name, (1,)), mean, dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(value))
            self.register_prior(f"{name}_prior", NormalPrior(mean, sd), lambda m, name=name: getattr(m, name))
        self.source = source

    def between(self, a: Mapping[str, Part], b: Mapping[str, Part]) -> Float[Tensor, "n m"]:
        """Return the covariance of networks, in units of a usual latency squared."""
        totals = _totals(a), _totals(b)
        covariance = self._of_wholes(*totals)
        for kind in a:
            if kind in b:
                ends = [(parts[kind], self._weighted(kind, parts[kind])) for parts in (a, b)]
                inner = self._inner(*ends[0], *ends[1])
                covariance = covariance + a[kind].counts @ inner @ b[kind].counts.mT
        return covariance

    def operations(self, kind: str, a: Part, b: Mapping[str, Part]) -> Float[Tensor, "u m"]:
        """Return the covariance of single operations of a kind with networks."""
        totals = _totals(b)
        found = torch.zeros(len(a.amounts), len(totals), dtype=torch.float64)
        if kind in b:
            inner = self._inner(a, self._weighted(kind, a), b[kind], self._weighted(kind, b[kind]))
            found = found + inner @ b[kind].counts.mT
        if self.source:
            found = found + self.log_source.exp() ** 2 * torch.outer(a.amounts[:, -1], totals[:, -1])
        return found

    def sizes(self, parts: Mapping[str, Part]) -> Float[Tensor, " n"]:
        """Return how large networks are, by MACs and by elements moved; a usual one has size 1."""
        return _totals(parts)[:, :3].mean(dim=1)

    def noise(self, latencies: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return the variance of measurements, a share of the latency."""
        return (self.log_noise.exp() * latencies) ** 2 + 1e-8

    def _inner(self, a: Part, wa: Tensor, b: Part, wb: Tensor) -> Tensor:
        """Return the covariance of operations of one kind, [u, v]."""
        lengths = self.log_lengths.exp()
        za, zb = a.sizes / lengths, b.sizes / lengths
        scales = [((w**2).sum(-1) + 1e-12).sqrt() for w in (wa, wb)]
        return wa @ wb.mT + self.log_bend.exp() ** 2 * torch.outer(*scales) * matern(za, zb)

    def _weighted(self, kind: str, part: Part) -> Tensor:
        """Return the amounts of operations, each times what it may add to the time, [u, amounts]."""
        row = KINDS.index(kind)
        weights: Any = self.log_weights[row].exp()
        if self.source:
            weights = torch.cat([weights, self.log_sources[row].exp()])
        return part.amounts * weights

    def _of_wholes(self, a: Tensor, b: Tensor) -> Tensor:
        """Return what networks share, and what sets them apart beyond their operations, [n, m]."""
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
