"""Gaussian process on architecture factors: predicts accuracies of networks with their uncertainty.

After "Navigating Efficiency in MobileViT through Gaussian Process on Global Architecture Factors"
(Meng and Chen, 2024, https://arxiv.org/abs/2406.04820), whose abstract gives the idea: a Matérn
process on global factors and the joint effects of pairs of them. Its formulas are not public; the
kernel here is the project's own (`nas.surrogates.factor_kernel`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import gpytorch
import numpy as np
import torch
from gpytorch.priors import NormalPrior
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from nas.surrogates.factor_features import Factor, Features
from nas.surrogates.factor_kernel import FactorKernel
from nas.surrogates.hyperparameter_fit import JITTER, fit, load
from nas.surrogates.value_subset import subset_by_value

_FITTED: Final = 256  # maximum number of values that hyper-parameters are fitted to
_KEPT: Final = 1_500  # maximum number of values that predictions are conditioned on
_NOISE: Final = (-3.0, 1.0)  # prior of the logarithm of the noise variance: mean, sd
_LEVEL: Final = 0.3  # variance of the constant mean, integrated out
OUTLYING: Final = 16.0
"""Median deviations below the median from which a value says little about good networks."""

_PRIOR_WEIGHT: Final = 4  # number of values that the standard deviation of an earlier study counts as


class _Process(gpytorch.Module):
    """Kernel with noise and an unknown constant mean."""

    def __init__(self, kernel: FactorKernel) -> None:
        super().__init__()
        self.kernel = kernel
        self.register_parameter("log_noise", nn.Parameter(torch.tensor([_NOISE[0]], dtype=torch.float64)))
        self.register_prior("log_noise_prior", NormalPrior(*_NOISE), lambda m: m.log_noise)

    def covariance(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
        """Return the covariance of noisy values at `x`."""
        noise = self.log_noise.exp() + JITTER
        return self.between(x, x) + noise * torch.eye(len(x), dtype=x.dtype)

    def between(self, a: Float[Tensor, "a d"], b: Float[Tensor, "b d"]) -> Float[Tensor, "a b"]:
        """Return the covariance of noiseless values at `a` and `b`."""
        return self.kernel.forward(a, b) + _LEVEL


@dataclass(frozen=True)
class Inputs:
    """Inputs of the surrogate.

    Attributes:
        rows: Levels of the parameters, ``[n, d]``.
        features: Known costs and factors, ``[n, f]``.
        fidelity: Share of a full training, ``[n]``, in (0, 1].
        prior_mean: Predictions of an earlier study in the unit of the values, ``[n]``; None without one.
    """

    rows: NDArray[np.float64]
    features: NDArray[np.float64]
    fidelity: NDArray[np.float64]
    prior_mean: NDArray[np.float64] | None = None

    def __getitem__(self, index: Any) -> "Inputs":
        """Return a subset of the points."""
        prior_mean = None if self.prior_mean is None else self.prior_mean[index]
        return Inputs(self.rows[index], self.features[index], self.fidelity[index], prior_mean)


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

    def tensor(self, inputs: Inputs, units: "_Units | None" = None) -> Float[Tensor, "n d"]:
        """Return `inputs` as ``[local | features | global | features | prior mean | log fidelity]``."""
        local, shared = self._local_and_global.of(inputs.rows)
        features = (inputs.features - self._mean) / self._std
        features = np.clip(np.nan_to_num(features, posinf=6.0, neginf=-6.0), -6.0, 6.0)[:, self._used]
        fidelity = np.log(inputs.fidelity)[:, None]
        prior = np.zeros((len(inputs.rows), 0)) if units is None else units.prior_column(inputs)
        return torch.from_numpy(np.concatenate([local, features, shared, features, prior, fidelity], axis=1))

    def fitted(
        self,
        inputs: Inputs,
        values: NDArray[np.float64],
        start: NDArray[np.float64] | None = None,
        steps: int = 40,
        prior_std: float | None = None,
        *,
        lowest: float = OUTLYING,
    ) -> "Posterior":
        """Return the posterior given `values` ``[n]`` at `inputs`.

        Args:
            inputs: Observed points, at least one.
            values: Observed values, finite.
            start: Hyper-parameters of an earlier fit, as a starting point.
            steps: Maximum number of iterations of the fit; 0 uses `start` unchanged.
            prior_std: Standard deviation of an earlier study's values, whose predictions are the prior mean
                of `inputs`; the weight of that mean is a hyper-parameter. None without one.
            lowest: Median deviations below the median at which values are clipped, such as those of diverged
                trainings; infinite to clip none.
        """
        values = _clipped(values, lowest)
        kept = subset_by_value(values, _KEPT)
        inputs, values = inputs[kept], values[kept]
        prior = inputs.prior_mean if prior_std is not None else None
        units = _Units.of(values, prior, prior_std)
        x = self.tensor(inputs, units)
        y = torch.from_numpy((values - units.prior_mean(inputs)) / units.scale)
        process = self._process(fidelities=bool((inputs.fidelity < 1).any()), prior_mean=prior is not None)
        n_parameters = sum(p.numel() for p in process.parameters())
        if start is not None and len(start) != n_parameters:
            start = None
        if steps or start is None:
            some = subset_by_value(values, _FITTED)
            start = fit(process, x[some], y[some], start, steps or 40)
        load(process, start)
        return Posterior(self, process, x, y, units, start)

    def _process(self, *, fidelities: bool, prior_mean: bool) -> _Process:
        features, extra = self._local_and_global, np.arange(len(self._used))
        owners = np.concatenate([features.owners, features.n_weights + extra])
        lengths = np.concatenate([features.global_owners, features.n_lengths + extra])
        return _Process(
            FactorKernel(
                torch.from_numpy(owners),
                torch.from_numpy(lengths),
                fidelities=fidelities,
                prior_mean=prior_mean,
            )
        )


class Posterior:
    """Posterior of the noiseless values of all networks after a full training.

    Attributes:
        hyper_parameters: Fitted hyper-parameters, the starting point of the next fit.
    """

    def __init__(
        self,
        surrogate: FactorGP,
        process: _Process,
        x: Float[Tensor, "n d"],
        y: Float[Tensor, " n"],
        units: "_Units",
        hyper_parameters: NDArray[np.float64],
    ) -> None:
        self.hyper_parameters: Final = hyper_parameters
        self._surrogate, self._process, self._x = surrogate, process, x
        self._units, self._scale = units, units.scale
        with torch.no_grad():
            self._chol = torch.linalg.cholesky(process.covariance(x))
            self._weights = torch.cholesky_solve(y[:, None], self._chol)[:, 0]

    @property
    def left_out_error(self) -> float:
        """Root mean square error of each value predicted from all others, in the deviations predicted for it.

        In closed form (Rasmussen and Williams, 2006, equations 5.10 to 5.12); about 1 if those are right.
        """
        variance = 1 / torch.cholesky_inverse(self._chol).diagonal()
        return float((((self._weights * variance) ** 2).sum() / variance.sum()).sqrt())

    @torch.no_grad()
    def of(
        self, inputs: Inputs, base: Inputs
    ) -> tuple[
        Float[Tensor, " n"],
        Float[Tensor, " n"],
        Float[Tensor, " b"],
        Float[Tensor, "b b"],
        Float[Tensor, "n b"],
    ]:
        """Return mean and variance at `inputs`, mean and covariance at `base`, and between both."""
        a, b = (self._surrogate.tensor(points, self._units) for points in (inputs, base))
        mean_a, root_a = self._conditional(a, inputs)
        mean_b, root_b = self._conditional(b, base)
        own = self._process.kernel.forward(a, a, diag=True) + _LEVEL
        variance = (own - (root_a**2).sum(0)).clamp_min(1e-9) * self._scale**2
        within = (self._process.between(b, b) - root_b.mT @ root_b) * self._scale**2
        across = (self._process.between(a, b) - root_a.mT @ root_b) * self._scale**2
        return mean_a, variance, mean_b, within, across

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

    def _conditional(
        self, x: Float[Tensor, "m d"], inputs: Inputs
    ) -> tuple[Float[Tensor, " m"], Float[Tensor, "n m"]]:
        across = self._process.between(x, self._x)
        root = torch.linalg.solve_triangular(self._chol, across.mT, upper=False)
        prior = torch.from_numpy(self._units.prior_mean(inputs))
        return across @ self._weights * self._scale + prior, root


@dataclass(frozen=True)
class _Units:
    """Centres and scales values for the process; holds their prior mean.

    Attributes:
        mean: Mean of the values, or of their differences from the predictions of an earlier study.
        scale: Value that the process counts as 1.
        centre: Mean of those predictions; None without them.
    """

    mean: float
    scale: float
    centre: float | None

    @classmethod
    def of(
        cls, values: NDArray[np.float64], prior_mean: NDArray[np.float64] | None, prior_std: float | None
    ) -> "_Units":
        if prior_mean is None or prior_std is None:
            mean, scale = float(values.mean()), float(values.std())
            return cls(mean, scale if scale > 1e-12 * (1 + abs(mean)) else 1.0, None)
        # Few values give a poor estimate of their deviation: the earlier study's counts as four more values.
        squares = float(((values - values.mean()) ** 2).sum()) + _PRIOR_WEIGHT * prior_std**2
        scale = max((squares / (len(values) + _PRIOR_WEIGHT)) ** 0.5, 1e-12)
        return cls(float((values - prior_mean).mean()), scale, float(prior_mean.mean()))

    def prior_mean(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return the prior mean in the unit of the values, ``[n]``."""
        if self.centre is None or inputs.prior_mean is None:
            return np.full(len(inputs.rows), self.mean)
        return inputs.prior_mean + self.mean

    def prior_column(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return an earlier study's predictions as an input of the kernel, ``[n, 0 or 1]``."""
        if self.centre is None or inputs.prior_mean is None:
            return np.zeros((len(inputs.rows), 0))
        return ((inputs.prior_mean - self.centre) / self.scale)[:, None]


def _clipped(values: NDArray[np.float64], lowest: float) -> NDArray[np.float64]:
    """Return `values` with outliers clipped, such as those of diverged trainings.

    The limits are `lowest` median deviations below the median and at least 100 above: low outliers say little
    about good networks, high ones are what a search looks for.
    """
    if not np.isfinite(lowest):
        return values
    values = np.clip(values, -1e100, 1e100)  # whose squares are finite
    median = float(np.median(values))
    distances = np.abs(values - median)
    spread = float(np.median(distances))
    if spread == 0 and distances.any():
        spread = float(np.median(distances[distances > 0]))
    return np.clip(values, median - lowest * spread, median + max(lowest, 100) * spread) if spread else values
