"""BoTorch: the Gaussian process and the acquisition that Ax chooses by default, over the networks that fit.

A `SingleTaskGP` with its default priors (Hvarfner et al. 2024) over numbers in [0, 1] and one-hot categories;
`qLogNoisyExpectedImprovement` (Ament et al. 2023) with the trials that still run as pending. Five random
trials first, as Ax has them.
"""

from typing import ClassVar, final

import numpy as np
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.sampling.normal import SobolQMCNormalSampler
from gpytorch.mlls import ExactMarginalLogLikelihood
from optuna.samplers import BaseSampler
from typing_extensions import override

from nas.bayesopt.grid import Rows
from nas.bayesopt.problem import Problem
from tests.benchmarks.peers._ranked_candidates import Floats, RankedCandidates

_AT_ONCE = 500


@final
class MixedGP(RankedCandidates):
    """Ranks candidates by the noisy expected improvement of one Gaussian process."""

    start: ClassVar[int] = 5

    @override
    def acquisition(
        self, rng: np.random.Generator, rows: Rows, values: Floats, pending: Rows, candidates: Rows
    ) -> Floats:
        seed = int(rng.integers(2**31))
        seen = torch.from_numpy(self.one_hot(rows))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = SingleTaskGP(seen, torch.from_numpy(values)[:, None])
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            improvement = qLogNoisyExpectedImprovement(
                model,
                X_baseline=seen,
                sampler=SobolQMCNormalSampler(torch.Size([128]), seed=seed),
                X_pending=torch.from_numpy(self.one_hot(pending)) if len(pending) else None,
                prune_baseline=True,
            )
            with torch.no_grad():
                points = torch.from_numpy(self.one_hot(candidates))[:, None]
                scores = torch.cat([improvement(part) for part in points.split(_AT_ONCE)])
        return scores.numpy()


def SAMPLER(problem: Problem) -> BaseSampler:  # noqa: N802
    """Return the sampler of `problem`."""
    return MixedGP(problem)
