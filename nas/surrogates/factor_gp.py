"""Gaussian process on architecture factors: predicts accuracies of networks with their uncertainty.

After "Navigating Efficiency in MobileViT through Gaussian Process on Global Architecture Factors"
(Meng and Chen, 2024, https://arxiv.org/abs/2406.04820), whose abstract gives the idea: a Matérn
process on global factors and the joint effects of pairs of them. Its formulas are not public; the
kernel here is the project's own (`nas.surrogates.factor_kernel`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from nas.surrogates.factor_features import Factor, Features
from nas.surrogates.factor_kernel import FactorKernel
from nas.surrogates.factor_process import EXPECTED, LEVEL, FactorProcess
from nas.surrogates.hyperparameter_fit import fit, load
from nas.surrogates.value_subset import subset_by_value
from nas.surrogates.value_units import Units, clipped, expected_trusts

_FITTED: Final = 256  # maximum number of values that hyper-parameters are fitted to
_KEPT: Final = 1_500  # maximum number of values that predictions are conditioned on
OUTLYING: Final = 16.0
"""Median deviations below the median from which a value says little about good networks."""


@dataclass(frozen=True)
class Inputs:
    """Inputs of the surrogate.

    Attributes:
        rows: Levels of the parameters, ``[n, d]``.
        features: Known costs and factors, ``[n, f]``.
        fidelity: Share of a full training, ``[n]``, in (0, 1].
        evidence: What each source of evidence expects, standardised, ``[n, s]``; None without sources.
        noise: Variance that is known of each value besides that which is fitted, ``[n]``; None for none.
    """

    rows: NDArray[np.float64]
    features: NDArray[np.float64]
    fidelity: NDArray[np.float64]
    evidence: NDArray[np.float64] | None = None
    noise: NDArray[np.float64] | None = None

    def __getitem__(self, index: Any) -> "Inputs":
        """Return a subset of the points."""
        evidence = None if self.evidence is None else self.evidence[index]
        noise = None if self.noise is None else self.noise[index]
        return Inputs(self.rows[index], self.features[index], self.fidelity[index], evidence, noise)


class FactorGP:
    """Surrogate of one search space; `fitted` returns its posterior.

    Args:
        factors: Parameters of the space.
        reference: Features of points drawn at random, ``[m, f]``, by which features are standardised.
    """

    def __init__(self, factors: Sequence[Factor], reference: NDArray[np.float64]) -> None:
        self._local_and_global: Final = Features(factors)
        finite = np.where(np.isfinite(reference), reference, np.nan)
        known = np.isfinite(finite).any(axis=0)
        finite[:, ~known] = 0.0
        self._mean: Final = np.nanmean(finite, axis=0)
        std = np.nanstd(finite, axis=0)
        self._used: Final = np.flatnonzero(std > 1e-12 * (1 + abs(self._mean)))
        self._std: Final = np.where(std > 0, std, 1.0)

    def local(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the features of rows that a sum over parameters is made of, ``[n, f]``."""
        return self._local_and_global.of(rows)[0]

    def tensor(self, inputs: Inputs, units: Units | None = None) -> Float[Tensor, "n d"]:
        """Return `inputs` as ``[local | features | global | features | evidence | log fidelity]``.

        Args:
            inputs: Points.
            units: Units of the evidence; None to leave it out.
        """
        local, shared = self._local_and_global.of(inputs.rows)
        features = (inputs.features - self._mean) / self._std
        features = np.clip(np.nan_to_num(features, posinf=6.0, neginf=-6.0), -6.0, 6.0)[:, self._used]
        fidelity = np.log(inputs.fidelity)[:, None]
        none = np.zeros((len(inputs.rows), 0))
        evidence = none if units is None or inputs.evidence is None else units.column(inputs.evidence)
        return torch.from_numpy(
            np.concatenate([local, features, shared, features, evidence, fidelity], axis=1)
        )

    def fitted(
        self,
        inputs: Inputs,
        values: NDArray[np.float64],
        start: NDArray[np.float64] | None = None,
        steps: int = 40,
        rising: NDArray[np.bool_] | None = None,
        *,
        lowest: float = OUTLYING,
    ) -> "Posterior":
        """Return the posterior given `values` ``[n]`` at `inputs`.

        Args:
            inputs: Observed points, at least one.
            values: Observed values, finite.
            start: Hyper-parameters of an earlier fit, as a starting point.
            steps: Maximum number of iterations of the fit; 0 uses `start` unchanged.
            rising: Which sources of the evidence in `inputs` values are expected to rise with, ``[s]``; None
                without sources.
            lowest: Median deviations below the median at which values are clipped, such as those of diverged
                trainings; infinite to clip none.
        """
        values = clipped(values, lowest)
        kept = subset_by_value(values, _KEPT)
        inputs, values = inputs[kept], values[kept]
        evidence = None if rising is None else inputs.evidence
        rising = np.zeros(0, dtype=np.bool_) if rising is None else rising
        units = Units.of(values, evidence, rising, inputs.fidelity)
        x = self.tensor(inputs, units)
        y = torch.from_numpy((values - units.mean) / units.scale)
        process = self._process(rising, fidelities=bool((inputs.fidelity < 1).any()))
        noise = None if inputs.noise is None else torch.from_numpy(inputs.noise / units.scale**2)
        n_parameters = sum(p.numel() for p in process.parameters())
        if start is not None and len(start) != n_parameters:
            start = None
        if steps or start is None:
            some = subset_by_value(values, _FITTED)
            process.known_noise = None if noise is None else noise[some]
            start = fit(process, x[some], y[some], start, steps or 40, process.mean)
        load(process, start)
        process.known_noise = noise
        return Posterior(self, process, x, y, units, start)

    def _process(self, rising: NDArray[np.bool_], *, fidelities: bool) -> FactorProcess:
        features, extra = self._local_and_global, np.arange(len(self._used))
        owners = np.concatenate([features.owners, features.n_weights + extra])
        lengths = np.concatenate([features.global_owners, features.n_lengths + extra])
        return FactorProcess(
            FactorKernel(
                torch.from_numpy(owners),
                torch.from_numpy(lengths),
                fidelities=fidelities,
                trusts=expected_trusts(rising),
            ),
            torch.from_numpy(rising.astype(np.float64)),
        )


@dataclass(frozen=True)
class Conditioned:
    """Points with what the observations say of them, for many comparisons with others.

    Attributes:
        x: The points, ``[b, d]``.
        mean: Posterior means, ``[b]``.
        root: Covariance with the observations, divided by the Cholesky factor of theirs, ``[n, b]``.
        within: Posterior covariance, ``[b, b]``.
    """

    x: Tensor
    mean: Tensor
    root: Tensor
    within: Tensor


class Posterior:
    """Posterior of the noiseless values of all networks after a full training.

    Attributes:
        hyper_parameters: Fitted hyper-parameters, the starting point of the next fit.
    """

    def __init__(
        self,
        surrogate: FactorGP,
        process: FactorProcess,
        x: Float[Tensor, "n d"],
        y: Float[Tensor, " n"],
        units: Units,
        hyper_parameters: NDArray[np.float64],
    ) -> None:
        self.hyper_parameters: Final = hyper_parameters
        self._surrogate, self._process, self._x = surrogate, process, x
        self._units, self._scale = units, units.scale
        with torch.no_grad():
            self._chol = process.root(x)
            self._weights = torch.cholesky_solve((y - process.mean(x))[:, None], self._chol)[:, 0]

    @property
    def left_out_error(self) -> float:
        """Root mean square error of each value predicted from all others, in the deviations predicted for it.

        In closed form (Rasmussen and Williams, 2006, equations 5.10 to 5.12); about 1 if those are right.
        """
        variance = 1 / torch.cholesky_inverse(self._chol).diagonal()
        return float((((self._weights * variance) ** 2).sum() / variance.sum()).sqrt())

    @torch.no_grad()
    def conditioned(self, inputs: Inputs) -> Conditioned:
        """Return points that `of` compares others with."""
        x = self._surrogate.tensor(inputs, self._units)
        mean, root = self._conditional(x)
        within = (self._process.between(x, x) - root.mT @ root) * self._scale**2
        return Conditioned(x, mean, root, within)

    @torch.no_grad()
    def of(
        self, inputs: Inputs, base: Inputs | Conditioned
    ) -> tuple[
        Float[Tensor, " n"],
        Float[Tensor, " n"],
        Float[Tensor, " b"],
        Float[Tensor, "b b"],
        Float[Tensor, "n b"],
    ]:
        """Return mean and variance at `inputs`, mean and covariance at `base`, and between both."""
        other = base if isinstance(base, Conditioned) else self.conditioned(base)
        x = self._surrogate.tensor(inputs, self._units)
        mean, root = self._conditional(x)
        own = self._process.kernel.forward(x, x, diag=True) + LEVEL
        variance = (own - (root**2).sum(0)).clamp_min(1e-9) * self._scale**2
        across = (self._process.between(x, other.x) - root.mT @ other.root) * self._scale**2
        return mean, variance, other.mean, other.within, across

    @torch.no_grad()
    def slopes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how much values rise with each source: mean, ``[s]``, and covariance, ``[s, s]``.

        In the unit of the values, for one standard deviation over the region of what the source expects.
        """
        kernel, units = self._process.kernel, self._units
        if units.spread is None or units.weights is None:
            return np.zeros(0), np.zeros((0, 0))
        seen = kernel.trusted(self._x) * kernel.damping(self._x)[:, None]
        root = torch.linalg.solve_triangular(self._chol, seen, upper=False)
        mean = EXPECTED * self._process.rising + seen.mT @ self._weights
        covariance = torch.eye(kernel.sources, dtype=torch.float64) - root.mT @ root
        scale = kernel.log_trust.exp().numpy() * self._scale * units.weights / units.spread
        return mean.numpy() * scale, covariance.numpy() * np.outer(scale, scale)

    def predict(self, inputs: Inputs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean and standard deviation of the true value of each point, ``[n]`` each."""
        mean, variance, *_ = self.of(inputs, inputs[:0])
        return mean.numpy(), variance.sqrt().numpy()

    @torch.no_grad()
    def prior_correlation(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return how the kernel correlates the true values of points before any is observed, ``[n, n]``."""
        x = self._surrogate.tensor(inputs, self._units)
        covariance = self._process.kernel.forward(x, x)
        deviation = covariance.diagonal().sqrt()
        return np.asarray((covariance / deviation[:, None] / deviation).numpy())

    def _conditional(self, x: Float[Tensor, "m d"]) -> tuple[Float[Tensor, " m"], Float[Tensor, "n m"]]:
        across = self._process.between(x, self._x)
        root = torch.linalg.solve_triangular(self._chol, across.mT, upper=False)
        mean = self._process.mean(x) + across @ self._weights
        return mean * self._scale + self._units.mean, root
