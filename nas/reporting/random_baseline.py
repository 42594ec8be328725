"""Estimates what uniform random sampling would have reached, by the surrogate of a search."""

from typing import Final

import numpy as np
import optuna

from dashboards.findings import Baseline
from nas.bayesopt.scoring import inputs
from nas.explanation.evidence import of_study

_DRAWN: Final = 512  # networks drawn uniformly from those that fit
_SEARCHES: Final = 400  # simulated searches
_MOST: Final = 500  # networks trained by a simulated search
_INTERVAL: Final = (0.025, 0.975)


def expected_uniform(study: optuna.Study, *, trained: int, noise: float, seed: int = 0) -> Baseline:
    """Return the expected best accuracy of uniform sampling after each trained network.

    The accuracies are samples of the surrogate's prediction, with its uncertainty and with measurement noise.
    All networks are assumed to be trained to the end.

    Args:
        study: Study that nas search began.
        trained: Number of networks that each simulated search trains.
        noise: Standard error of a measured accuracy, in [0, 0.5].
        seed: Seed of all draws, at least 0.

    Raises:
        StudyError: if too few networks have been trained.
    """
    evidence = of_study(study)
    rng = np.random.default_rng(np.random.SeedSequence([seed]))
    rows = evidence.region.draw(rng, _DRAWN)
    mean, deviation = evidence.fitted().predict(inputs(evidence.region, rows))
    steps = min(trained, _MOST)
    chosen = rng.integers(len(rows), size=(_SEARCHES, steps))
    std = np.hypot(deviation, noise)[chosen]
    values = np.clip(mean[chosen] + std * rng.standard_normal(chosen.shape), 0.0, 1.0)
    best = np.maximum.accumulate(values, axis=1)
    low, high = np.quantile(best, _INTERVAL, axis=0)
    return Baseline(
        name="uniform sampling, estimated by the surrogate (95 % interval)",
        best=tuple(best.mean(axis=0).round(5).tolist()),
        low=tuple(low.round(5).tolist()),
        high=tuple(high.round(5).tolist()),
    )
