"""What uniform sampling would have reached, as the networks of a search make it probable."""

from typing import Final

import numpy as np
import optuna

from dashboards.findings import Baseline
from nas.bayesopt.scoring import inputs
from nas.explanation.evidence import of_study

_DRAWN: Final = 512  # networks that fit, drawn uniformly
_SEARCHES: Final = 400  # imagined ones
_MOST: Final = 500  # networks that each of them trains
_INTERVAL: Final = (0.025, 0.975)


def expected_uniform(study: optuna.Study, *, trained: int, noise: float, seed: int = 0) -> Baseline:
    """Return the best accuracy that searches by uniform sampling are expected to have after each network.

    Accuracies of networks that nobody trained come from the surrogate of the search, each with its
    uncertainty and with the noise of its measurement; all are taken to be trained to the end.

    Args:
        study: One that nas search began.
        trained: Networks that each imagined search trains.
        noise: Standard error of a measured accuracy, in [0, 0.5].
        seed: Of what is drawn.

    Raises:
        StudyError: if too few networks have been trained.
    """
    evidence = of_study(study)
    rng = np.random.default_rng(np.random.SeedSequence([seed]))
    rows = evidence.region.draw(rng, _DRAWN)
    mean, deviation = evidence.fitted().predict(inputs(evidence.region, rows))
    steps = min(trained, _MOST)
    chosen = rng.integers(len(rows), size=(_SEARCHES, steps))
    spread = np.hypot(deviation, noise)[chosen]
    values = np.clip(mean[chosen] + spread * rng.standard_normal(chosen.shape), 0.0, 1.0)
    best = np.maximum.accumulate(values, axis=1)
    low, high = np.quantile(best, _INTERVAL, axis=0)
    return Baseline(
        name="uniform sampling, as the surrogate expects it (95 %)",
        best=tuple(best.mean(axis=0).round(5).tolist()),
        low=tuple(low.round(5).tolist()),
        high=tuple(high.round(5).tolist()),
    )
