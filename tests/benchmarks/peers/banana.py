"""A stand-in for BANANAS (White et al. 2021): an ensemble of networks and independent Thompson draws.

Five multilayer perceptrons of ten layers of 20, as there, on one-hot choices instead of paths: the spaces
here are no graphs of cells. Each is fitted from another start; a candidate's draw is the ensemble's mean and
its standard deviation times a normal number.
"""

from typing import ClassVar, final

import numpy as np
import torch
from optuna.samplers import BaseSampler
from torch import nn
from typing_extensions import override

from nas.bayesopt.grid import Rows
from nas.bayesopt.problem import Problem
from tests.benchmarks.peers._ranked_candidates import Floats, RankedCandidates

_ENSEMBLE, _LAYERS, _WIDTH, _STEPS, _RATE = 5, 10, 20, 200, 0.01


@final
class Ensemble(RankedCandidates):
    """Ranks candidates by a Thompson draw of its own for each."""

    start: ClassVar[int] = 10

    @override
    def acquisition(
        self, rng: np.random.Generator, rows: Rows, values: Floats, pending: Rows, candidates: Rows
    ) -> Floats:
        seen, asked = (torch.from_numpy(self.one_hot(r)).float() for r in (rows, candidates))
        target = torch.from_numpy((values - values.mean()) / (values.std() + 1e-9)).float()
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**31)))
            predicted = torch.stack([_fitted(seen, target)(asked)[:, 0] for _ in range(_ENSEMBLE)])
        mean, spread = predicted.mean(0).numpy(), predicted.std(0).numpy()
        drawn: Floats = mean + spread * rng.standard_normal(len(candidates))
        return drawn


def _fitted(seen: torch.Tensor, target: torch.Tensor) -> nn.Module:
    """Return a perceptron that was fitted by the mean absolute error."""
    layers: list[nn.Module] = []
    width = seen.shape[1]
    for _ in range(_LAYERS):
        layers += [nn.Linear(width, _WIDTH), nn.ReLU()]
        width = _WIDTH
    network = nn.Sequential(*layers, nn.Linear(width, 1))
    optimiser = torch.optim.Adam(network.parameters(), _RATE)
    for _ in range(_STEPS):
        loss = (network(seen)[:, 0] - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.requires_grad_(requires_grad=False)


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return Ensemble(problem)
