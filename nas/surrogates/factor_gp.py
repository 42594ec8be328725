"""A Gaussian process on architecture factors: what a network will reach, and how sure that is.

After "Navigating Efficiency in MobileViT through Gaussian Process on Global Architecture Factors"
(Meng and Chen, 2024, https://arxiv.org/abs/2406.04820), whose abstract gives the idea: a Matérn
process on global factors and the joint effects of pairs of them. Its formulas are not public; the
kernel here is ours (`nas.surrogates._kernel`).
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

from nas.surrogates._fit import JITTER, fit, load
from nas.surrogates._kernel import FactorKernel
from nas.surrogates.factors import Factor, Features

_FITTED: Final = 256  # values that hyper-parameters are fitted to at most
_KEPT: Final = 1_500  # values that predictions rest on at most
_NOISE: Final = (-3.0, 1.0)  # prior of the logarithm of the noise variance: mean, sd
_LEVEL: Final = 0.3  # variance of the constant mean, integrated out
_EARLIER: Final = 4  # values that the spread of an earlier study stands for


class _Process(gpytorch.Module):
    """A kernel with noise and an unknown constant mean."""

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
    """Points as a surrogate reads them.

    Attributes:
        rows: Levels of the parameters, ``[n, d]``.
        prices: Known costs and factors, ``[n, p]``.
        fidelity: Share of a whole training, ``[n]``, in (0, 1].
        told: What an earlier study expects there, in the unit of the values, ``[n]``; None without one.
    """

    rows: NDArray[np.float64]
    prices: NDArray[np.float64]
    fidelity: NDArray[np.float64]
    told: NDArray[np.float64] | None = None

    def __getitem__(self, index: Any) -> "Inputs":
        """Return some of the points."""
        told = None if self.told is None else self.told[index]
        return Inputs(self.rows[index], self.prices[index], self.fidelity[index], told)


class FactorGP:
    """The surrogate of one search space; `fitted` gives its posterior.

    Args:
        factors: The parameters.
        reference: Prices of points drawn at random, ``[m, p]``: what a typical price is.
    """

    def __init__(self, factors: Sequence[Factor], reference: NDArray[np.float64]) -> None:
        self._features: Final = Features(factors)
        finite = np.where(np.isfinite(reference), reference, np.nan)
        known = np.isfinite(finite).any(axis=0)
        finite[:, ~known] = 0.0
        self._mean: Final = np.nanmean(finite, axis=0)
        spread = np.nanstd(finite, axis=0)
        self._used: Final = np.flatnonzero(spread > 1e-12 * (1 + abs(self._mean)))
        self._spread: Final = np.where(spread > 0, spread, 1.0)

    def tensor(self, inputs: Inputs, units: "_Units | None" = None) -> Float[Tensor, "n d"]:
        """Return `inputs` as ``[local | prices | global | prices | told | log fidelity]``."""
        local, shared = self._features.of(inputs.rows)
        prices = (inputs.prices - self._mean) / self._spread
        prices = np.clip(np.nan_to_num(prices, posinf=6.0, neginf=-6.0), -6.0, 6.0)[:, self._used]
        fidelity = np.log(inputs.fidelity)[:, None]
        told = np.zeros((len(inputs.rows), 0)) if units is None else units.told(inputs)
        return torch.from_numpy(np.concatenate([local, prices, shared, prices, told, fidelity], axis=1))

    def fitted(
        self,
        inputs: Inputs,
        values: NDArray[np.float64],
        start: NDArray[np.float64] | None = None,
        steps: int = 40,
        spread: float | None = None,
    ) -> "Posterior":
        """Return the posterior given `values` ``[n]`` at `inputs`.

        Args:
            inputs: Where values were observed, at least one.
            values: The values, finite.
            start: Hyper-parameters of an earlier fit, to begin from.
            steps: Iterations of fitting at most; 0 takes `start` as it is.
            spread: Standard deviation of an earlier study's values, whose expectations `inputs` then tell:
                they are the prior mean, and how far it is trusted is a hyper-parameter.
        """
        values = _tamed(values)
        kept = _spread_out(values, _KEPT)
        inputs, values = inputs[kept], values[kept]
        told = inputs.told if spread is not None and inputs.told is not None else None
        units = _Units.of(values, told, spread)
        x = self.tensor(inputs, units)
        y = torch.from_numpy((values - units.expected(inputs)) / units.scale)
        process = self._process(fidelities=bool((inputs.fidelity < 1).any()), told=told is not None)
        n_parameters = sum(p.numel() for p in process.parameters())
        if start is not None and len(start) != n_parameters:
            start = None
        if steps or start is None:
            some = _spread_out(values, _FITTED)
            start = fit(process, x[some], y[some], start, steps or 40)
        load(process, start)
        return Posterior(self, process, x, y, units, start)

    def _process(self, *, fidelities: bool, told: bool) -> _Process:
        features, extra = self._features, np.arange(len(self._used))
        owners = np.concatenate([features.owners, features.n_weights + extra])
        lengths = np.concatenate([features.global_owners, features.n_lengths + extra])
        return _Process(
            FactorKernel(
                torch.from_numpy(owners), torch.from_numpy(lengths), fidelities=fidelities, told=told
            )
        )


class Posterior:
    """What is believed of every network after some were seen; noiseless, at whole trainings.

    Attributes:
        hyper_parameters: What was fitted, to begin the next fit from.
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
        mean_a, root_a = self._towards(a, inputs)
        mean_b, root_b = self._towards(b, base)
        own = self._process.kernel.forward(a, a, diag=True) + _LEVEL
        variance = (own - (root_a**2).sum(0)).clamp_min(1e-9) * self._scale**2
        within = (self._process.between(b, b) - root_b.mT @ root_b) * self._scale**2
        across = (self._process.between(a, b) - root_a.mT @ root_b) * self._scale**2
        return mean_a, variance, mean_b, within, across

    def predict(self, inputs: Inputs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean and standard deviation of the true value of each point, ``[n]`` each."""
        mean, variance, *_ = self.of(inputs, inputs[:0])
        return mean.numpy(), variance.sqrt().numpy()

    def _towards(
        self, x: Float[Tensor, "m d"], inputs: Inputs
    ) -> tuple[Float[Tensor, " m"], Float[Tensor, "n m"]]:
        across = self._process.between(x, self._x)
        root = torch.linalg.solve_triangular(self._chol, across.mT, upper=False)
        expected = torch.from_numpy(self._units.expected(inputs))
        return across @ self._weights * self._scale + expected, root


@dataclass(frozen=True)
class _Units:
    """How values are centred and scaled for the process, and what is expected of them beforehand.

    Attributes:
        mean: Of the values, or of what they exceed the expectations of an earlier study by.
        scale: What the process counts as 1.
        centre: Of those expectations; None without them.
    """

    mean: float
    scale: float
    centre: float | None

    @classmethod
    def of(
        cls, values: NDArray[np.float64], told: NDArray[np.float64] | None, spread: float | None
    ) -> "_Units":
        if told is None or spread is None:
            mean, scale = float(values.mean()), float(values.std())
            return cls(mean, scale if scale > 1e-12 * (1 + abs(mean)) else 1.0, None)
        # A few values say little of their spread: the earlier study's counts as four more of them.
        squares = float(((values - values.mean()) ** 2).sum()) + _EARLIER * spread**2
        scale = max((squares / (len(values) + _EARLIER)) ** 0.5, 1e-12)
        return cls(float((values - told).mean()), scale, float(told.mean()))

    def expected(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return the mean before the process is asked, in the unit of the values, ``[n]``."""
        if self.centre is None or inputs.told is None:
            return np.full(len(inputs.rows), self.mean)
        return inputs.told + self.mean

    def told(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return what the kernel reads of an earlier study's expectations, ``[n, 0 or 1]``."""
        if self.centre is None or inputs.told is None:
            return np.zeros((len(inputs.rows), 0))
        return ((inputs.told - self.centre) / self.scale)[:, None]


def _tamed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `values` with those that no scale fits, such as a diverged training's, drawn nearer.

    At most 16 median deviations below the median and 100 above: a surprise downwards says little
    of the good networks, one upwards is what is looked for.
    """
    values = np.clip(values, -1e100, 1e100)  # whose squares are finite
    median = float(np.median(values))
    away = np.abs(values - median)
    spread = float(np.median(away))
    if spread == 0 and away.any():
        spread = float(np.median(away[away > 0]))
    return np.clip(values, median - 16 * spread, median + 100 * spread) if spread else values


def _spread_out(values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Return the indices of `n` values in order: the best half of `n`, and an even spread of the rest."""
    if len(values) <= n:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    rest = order[n // 2 :]
    even = rest[np.linspace(0, len(rest) - 1, n - n // 2).round().astype(np.int64)]
    return np.sort(np.concatenate([order[: n // 2], even]))
