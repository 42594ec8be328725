"""How long one proposal takes, from 100 to 10,000 trials in 24 mixed dimensions.

A proposal runs on one thread, so processor time is what a quiet machine takes by the clock.
"""

from collections.abc import Sequence
from time import process_time

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import create_trial

from nas.bayesopt.problem import Params
from nas.samplers.factor_gp import FactorGPSampler
from tests.benchmarks.filing import file_result

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]

SPACE: dict[str, BaseDistribution] = {
    **{f"mixer{i}": CategoricalDistribution(("conv", "attention", "pooling")) for i in range(6)},
    **{f"kernel{i}": CategoricalDistribution((3, 5, 7)) for i in range(6)},
    **{f"ratio{i}": IntDistribution(2, 6) for i in range(6)},
    **{f"depth{i}": IntDistribution(1, 4) for i in range(6)},
}


def cost(points: Sequence[Params]) -> NDArray[np.float64]:
    """Return what a vectorised budget costs to ask: one column of numbers."""
    depth = np.array([[p[f"depth{i}"] * p[f"ratio{i}"] for i in range(6)] for p in points])
    return np.asarray(depth.sum(axis=1, keepdims=True) - 60.0, dtype=np.float64)


def test_a_proposal_takes_less_time_than_it_saves() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng = np.random.default_rng(0)
    lines = ["| trials | first proposal, s | median of the next 5, s | goal |", "| --- " * 4 + "|"]
    for n, goal in ((100, 0.15), (1_000, 0.5), (10_000, None)):
        study = optuna.create_study(
            direction="maximize", sampler=FactorGPSampler(SPACE, known_constraints_batch=cost)
        )
        trials = []
        for _ in range(n):
            point = {
                name: d.choices[rng.integers(len(d.choices))]
                if isinstance(d, CategoricalDistribution)
                else int(rng.integers(d.low, d.high + 1))  # type: ignore[attr-defined]
                for name, d in SPACE.items()
            }
            value = -abs(float(cost([point])[0, 0])) + rng.normal()
            trials.append(create_trial(params=point, distributions=SPACE, value=value))
        study.add_trials(trials)
        seconds = []
        for _ in range(6):
            start = process_time()
            trial = study.ask(SPACE)
            seconds.append(process_time() - start)
            study.tell(trial, 0.0)
        median = float(np.median(seconds[1:]))
        lines.append(f"| {n:,} | {seconds[0]:.2f} | {median:.2f} | {goal or 'none'} |")
        assert goal is None or median <= goal, lines
    file_result(
        "sampler_speed",
        command="pytest -m benchmark tests/benchmarks/test_sampler_speed.py",
        seed=0,
        lines=lines,
    )
