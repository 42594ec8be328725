"""Gaussian process that predicts the latency of networks on one target from measured ones.

Its kernel is a sum over a network's operations (`nas.surrogates.latency_kernel`). It gives the error of its
predictions, chooses which networks to measure next, and can start from another target's model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import gpytorch
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from nas.surrogates.hyperparameter_fit import fit
from nas.surrogates.latency_kernel import LatencyKernel
from nas.surrogates.latency_operations import Operation, Operations, Part, part_of, parts_of

_CHUNK: Final = 64  # networks predicted at once
_STEPS: Final = 50
_LEAST_TO_FIT: Final = 5  # measurements below which the hyper-parameters stay those of the prior
_LEAST: Final = 0.02  # lowest prediction, as a share of a typical latency


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Predicted measurements of some networks.

    Attributes:
        mean_ms: Expected measured latency, above 0, [n].
        stddev_ms: Standard deviation of the measured latency, [n].
    """

    mean_ms: NDArray[np.float64]
    stddev_ms: NDArray[np.float64]


class LatencyModel:
    """Posterior of the latencies on one target; made by `learn`, never changed.

    Args:
        networks: Measured networks; typical networks before any measurement.
        latencies_ms: Measured latencies, [n].
        source: Model of another target to start from; None without one.
        start: Hyper-parameters of an earlier model of this target; None without one.
    """

    def __init__(
        self,
        networks: Sequence[Operations],
        latencies_ms: NDArray[np.float64],
        source: "LatencyModel | None",
        start: NDArray[np.float64] | None,
    ) -> None:
        self._source = source
        self._amounts = _typical_amounts(networks, source)
        self._unit_ms = float(latencies_ms.mean()) if len(latencies_ms) else 1.0
        self._y = torch.from_numpy(latencies_ms / self._unit_ms)
        self._measured = self._parts(networks[: len(latencies_ms)])
        self._process = _Process(LatencyKernel(source=source is not None), self._measured, self._y)
        self.hyperparameters: Final = self._process.fitted(start)
        with torch.no_grad():
            self._factor = torch.linalg.cholesky(self._process.covariance(self._y[:, None]))
            self._weights = torch.cholesky_solve(self._y[:, None], self._factor)[:, 0]

    def predict(self, networks: Sequence[Operations]) -> Prediction:
        """Return the predicted measurement of each network."""
        means, variances = [], []
        for i in range(0, len(networks), _CHUNK):
            mean, covariance, noise = self._posterior(networks[i : i + _CHUNK])
            means.append(mean)
            variances.append(covariance.diagonal() + noise)
        return Prediction(
            mean_ms=torch.cat(means).numpy() * self._unit_ms,
            stddev_ms=torch.cat(variances).sqrt().numpy() * self._unit_ms,
        )

    def choose(self, candidates: Sequence[Operations], count: int) -> list[int]:
        """Return the indices of the candidates to measure next, the most informative first.

        Each is the one that, measured after those before it, minimises the squared relative error over
        all candidates (integrated variance reduction; Cohn, 1996, https://arxiv.org/abs/cs/9603104).

        Args:
            candidates: Networks whose latencies are needed; some hundreds at most.
            count: Number of networks to choose, at most the number of candidates.
        """
        mean, covariance, noise = self._posterior(candidates)
        available, chosen = torch.ones(len(candidates), dtype=torch.bool), list[int]()
        while len(chosen) < min(count, len(candidates)):
            variance = covariance.diagonal() + noise
            gains = ((covariance / mean[:, None]) ** 2).sum(dim=0) / variance
            best = int(torch.where(available, gains, -1.0).argmax())
            along = covariance[best].clone()
            covariance -= torch.outer(along, along) / variance[best].clone()
            available[best] = False
            chosen.append(best)
        return chosen

    def times_ms(self, distinct: Sequence[Operation]) -> Float[Tensor, " u"]:
        """Return the predicted time of each of some operations of one kind, milliseconds above 0, [u]."""
        part = self._scaled(part_of(distinct, torch.zeros(0, len(distinct), dtype=torch.float64)))
        with torch.no_grad():
            times = self._process.kernel.operations(distinct[0].kind, part, self._measured) @ self._weights
        return times.clamp_min(1e-6) * self._unit_ms

    def _posterior(self, networks: Sequence[Operations]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean, [n], covariance, [n, n], and noise, [n], in typical latencies."""
        kernel, x = self._process.kernel, self._parts(networks)
        with torch.no_grad():
            prior = kernel.between(x, x)
            if not self._measured:
                sizes = kernel.sizes(x)
                return sizes, prior, kernel.noise(sizes)
            cross = kernel.between(x, self._measured)  # [n, measured]
            mean = (cross @ self._weights).clamp_min(_LEAST)
            white = torch.linalg.solve_triangular(self._factor, cross.mT, upper=False)
            covariance = prior - white.mT @ white
            covariance.diagonal().clamp_(min=0.0)
            return mean, covariance, kernel.noise(mean)

    def _parts(self, networks: Sequence[Operations]) -> dict[str, Part]:
        return {kind: self._scaled(part) for kind, part in parts_of(networks).items()}

    def _scaled(self, part: Part) -> Part:
        """Return a part with the source's times beside its amounts, all relative to a typical network."""
        return replace(part, amounts=_with_source(part, self._source) / self._amounts)


class _Process(gpytorch.Module):
    """Measured networks and their kernel, in the form that `fit` takes."""

    def __init__(self, kernel: LatencyKernel, parts: Mapping[str, Part], y: Float[Tensor, " n"]) -> None:
        super().__init__()
        self.kernel, self.parts, self.y = kernel, parts, y

    def covariance(self, y: Float[Tensor, "n 1"]) -> Float[Tensor, "n n"]:
        """Return the covariance of the measured latencies `y`, noise included."""
        if not len(y):
            return torch.zeros(0, 0, dtype=torch.float64)
        return self.kernel.between(self.parts, self.parts) + torch.diag(self.kernel.noise(y[:, 0]))

    def fitted(self, start: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """Fit and return the hyper-parameters; None with too few measurements."""
        if len(self.y) < _LEAST_TO_FIT:
            return None
        return fit(self, self.y[:, None], self.y, start, _STEPS)


def learn(
    networks: Sequence[Operations],
    latencies_ms: Sequence[float] | NDArray[np.float64],
    *,
    source: LatencyModel | None = None,
    start: NDArray[np.float64] | None = None,
) -> LatencyModel:
    """Return the model of a target after some measurements.

    Args:
        networks: Operations of the measured networks, or of typical ones before any measurement.
        latencies_ms: Median latency of each, milliseconds above 0; empty before any measurement.
        source: Model of another target, which ten measurements here adapt to this target.
        start: `hyperparameters` of an earlier model of this target, which make the fit faster.
    """
    return LatencyModel(networks, np.asarray(latencies_ms, dtype=np.float64), source, start)


def _with_source(part: Part, source: LatencyModel | None) -> Tensor:
    if source is None:
        return part.amounts
    return torch.cat([part.amounts, source.times_ms(part.distinct)[:, None]], dim=1)


def _typical_amounts(networks: Sequence[Operations], source: LatencyModel | None) -> Tensor:
    """Return the mean amounts of whole networks, at least 1 of each."""
    totals = [part.counts @ _with_source(part, source) for part in parts_of(networks).values()]
    return torch.stack(totals).sum(dim=0).mean(dim=0).clamp_min(1e-6)
