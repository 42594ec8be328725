"""How long a proposal takes from 100 to 10,000 trials in 40 mixed dimensions, their memory, and the import.

A proposal runs on one thread, so processor time is what a quiet machine takes by the clock. Run it by itself:
under pytest, shapes and types are checked at every call, which users do not pay for.

    .venv/bin/python -m tests.benchmarks.sampler_speed
"""

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from time import process_time

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import create_trial

from nas.bayesopt.problem import Params
from nas.samplers.factor_gp import FactorGPSampler
from tests.benchmarks.filing import file_result

SPACE: dict[str, BaseDistribution] = {
    **{f"mixer{i}": CategoricalDistribution(("conv", "attention", "pooling")) for i in range(10)},
    **{f"kernel{i}": CategoricalDistribution((3, 5, 7)) for i in range(10)},
    **{f"ratio{i}": IntDistribution(2, 6) for i in range(10)},
    **{f"depth{i}": IntDistribution(1, 4) for i in range(10)},
}


def cost(points: Sequence[Params]) -> NDArray[np.float64]:
    """Return what a vectorised budget costs to ask: one column of numbers."""
    depth = np.array([[p[f"depth{i}"] * p[f"ratio{i}"] for i in range(10)] for p in points])
    return np.asarray(depth.sum(axis=1, keepdims=True) - 100.0, dtype=np.float64)


def import_s() -> float:
    """Return the processor time of a process that imports the sampler and ends, the least of three."""
    seconds = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-c", "import nas.samplers.factor_gp"], check=True)
        after = os.times()
        seconds.append(sum(after[2:4]) - sum(before[2:4]))
    return min(seconds)


def main() -> None:
    """Time proposals and file what they took."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng = np.random.default_rng(0)
    begun_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = ["| trials | first proposal, s | median of the next 5, s | goal |", "| --- " * 4 + "|"]
    for n, goal in ((100, 0.1), (1_000, 0.3), (10_000, 1.0)):
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
        lines.append(f"| {n:,} | {seconds[0]:.2f} | {median:.2f} | {goal} |")
    most_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines += [
        "",
        f"Trials took {most_mib - begun_mib:,.0f} MiB of {most_mib:,.0f}; goal 500.",
        f"Importing the sampler took {import_s():.1f} s of processor time; goal 2.",
    ]
    file_result(
        "sampler_speed",
        command="python -m tests.benchmarks.sampler_speed",
        seed=0,
        lines=lines,
    )


if __name__ == "__main__":
    main()
