"""Feasible hypervolume of two objectives under a measured constraint: factor_gp beside random.

Run: ``python -m tests.benchmarks.constrained_fronts [SEEDS]``; it takes some minutes and files what it finds.
"""

import sys

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from nas.bayesopt.problem import Params, Problem
from nas.samplers import SAMPLERS
from nas.surrogates.torch_threads import torch_threads
from tests.benchmarks.filing import file_result
from tests.nas.bayesopt.volumes import hypervolume

TRIALS = 24
AFTER = (12, 18, 24)
SPACE: dict[str, BaseDistribution] = {
    "x": FloatDistribution(0.0, 1.0),
    "y": FloatDistribution(0.0, 1.0),
    "n": IntDistribution(0, 4),
}


def values(point: Params) -> tuple[float, float, float]:
    """Return two objectives to be maximised, in [0, 1], and the constraint; the best of all is infeasible."""
    bonus = 1 - 0.1 * abs(point["n"] - 2)
    first = point["x"] * bonus
    second = point["y"] * bonus
    return first, second, point["x"] ** 2 + point["y"] ** 2 - 0.8


def volumes(sampler: str, seed: int) -> list[float]:
    """Return the hypervolume of the feasible points above the origin after each trial."""
    problem = Problem(distributions=SPACE, seed=seed)
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=SAMPLERS[sampler](problem))
    feasible: list[tuple[float, float]] = []
    found = []
    for _ in range(TRIALS):
        trial = study.ask(SPACE)
        first, second, excess = values(trial.params)
        trial.set_constraint("measured", excess)
        study.tell(trial, [first, second])
        if excess <= 0:
            feasible.append((first, second))
        found.append(hypervolume(np.array(feasible), np.zeros(2)) if feasible else 0.0)
    return found


def cell(samples: NDArray[np.float64]) -> str:
    """Return mean and standard error."""
    return f"{samples.mean():.3f} ± {samples.std(ddof=1) / len(samples) ** 0.5:.3f}"


def main() -> None:
    """Compare, and file."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    lines = [
        "Hypervolume of the feasible points of two objectives under a constraint that trials measure.",
        "",
    ]
    lines += ["| sampler | " + " | ".join(f"after {n}" for n in AFTER) + " |", "| --- " * 4 + "|"]
    with torch_threads(1):
        for name in ("random", "factor_gp"):
            runs = np.array([volumes(name, seed) for seed in range(seeds)])
            lines.append(f"| {name} | " + " | ".join(cell(runs[:, n - 1]) for n in AFTER) + " |")
    file_result(
        "sampler_constrained_fronts",
        command=f"python -m tests.benchmarks.constrained_fronts {seeds}",
        seed=f"0 to {seeds - 1}",
        lines=lines,
    )


if __name__ == "__main__":
    main()
