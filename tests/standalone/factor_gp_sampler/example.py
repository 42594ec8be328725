"""Searches widths and kernels within a budget, in batches; then two objectives; then with what was learnt.

It uses the package in whose folder it lies: ``python example.py``. From the registry the package is
``optunahub.load_module(package="samplers/factor_gp_sampler")``.
"""

import sys
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from factor_gp_sampler import FactorGPSampler, observations_of

SPACE = {
    **{f"width{stage}": IntDistribution(8, 64, step=8) for stage in range(4)},
    "kernel": CategoricalDistribution([3, 5, 7]),
}


def size(point):
    return sum(point[f"width{stage}"] for stage in range(4)) * point["kernel"] ** 2


def excess(point):
    """Return how much too large a point is: known before a trial, feasible where at most 0."""
    return [size(point) - 3_000]


def quality(point):
    widths = [point[f"width{stage}"] for stage in range(4)]
    return sum(width**0.5 for width in widths) - 0.1 * (point["kernel"] - 5) ** 2


def search(n_batches, workers, **options):
    sampler = FactorGPSampler(search_space=SPACE, known_constraints_func=excess, **options)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(n_batches):
        for trial in [study.ask(SPACE) for _ in range(workers)]:
            study.tell(trial, quality(trial.params))
    return study


def front(n_trials):
    """Return a study of two objectives and a constraint that each trial measures."""
    sampler = FactorGPSampler(search_space=SPACE, known_constraints_func=excess, seed=0)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    for _ in range(n_trials):
        trial = study.ask(SPACE)
        milliseconds = size(trial.params) / 400
        trial.set_constraint("latency", milliseconds - 6)
        study.tell(trial, [quality(trial.params), milliseconds])
    return study


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    first = search(n_batches=4, workers=3, seed=0)
    print("within the budget:", first.best_value, first.best_params)
    print("two objectives:", [trial.values for trial in front(n_trials=10).best_trials])
    following = search(n_batches=6, workers=1, seed=1, evidence=[observations_of(first)])
    print("after learning from the first:", following.best_value, following.best_params)
