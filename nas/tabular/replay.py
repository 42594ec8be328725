"""Replays searches from a table: the same question to every sampler, seed by seed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.samplers import BaseSampler

from nas.bayesopt.problem import Problem, TransferSource
from nas.samplers import SAMPLERS
from nas.tabular.task import Task

Maker = Callable[[Problem], BaseSampler]


@dataclass(frozen=True)
class Runs:
    """What one sampler reached on one task.

    Attributes:
        regret: Best true value that fits minus the best found, ``[seeds, trials]``, never rising.
        over_budget: How many proposals broke a known constraint.
        repeated: How many proposals repeated a point.
        seconds: Mean time of one proposal.
    """

    regret: NDArray[np.float64]
    over_budget: int
    repeated: int
    seconds: float


def replay(
    task: Task,
    make: Maker,
    seeds: Iterable[int],
    trials: int,
    workers: int = 1,
    earlier: Callable[[int], TransferSource] | None = None,
) -> Runs:
    """Return what the sampler reaches in `trials` trainings, for each seed.

    With several workers, that many trials run at once; the one that was asked first ends first.

    Args:
        task: What to solve.
        make: A problem to the sampler.
        seeds: Of the sampler; what a training shows is drawn from a generator of the same seed.
        trials: How many networks are trained.
        workers: How many of them at the same time.
        earlier: A seed to the study that the search with it learns from; None without one.
    """
    curves, over, repeated, seconds = [], 0, 0, 0.0
    for seed in seeds:
        problem = Problem(
            distributions=task.distributions,
            seed=seed,
            known_constraints_batch=task.known_constraints_batch,
            earlier=None if earlier is None else earlier(seed),
        )
        study = optuna.create_study(direction="maximize", sampler=make(problem))
        rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
        running: list[optuna.Trial] = []
        points: list[tuple[object, ...]] = []
        found: list[float] = []
        for number in range(trials + workers - 1):
            if number < trials:
                start = perf_counter()
                running.append(study.ask(dict(task.distributions)))
                seconds += perf_counter() - start
                points.append(tuple(running[-1].params.values()))
                over += not task.fits(running[-1].params)
            if len(running) == workers or number >= trials:
                trial = running.pop(0)
                study.tell(trial, task.observe(trial.params, rng))
                found.append(task.truth(trial.params))
        repeated += len(points) - len(set(points))
        curves.append(task.best - np.maximum.accumulate(found))
    return Runs(np.array(curves), over, repeated, seconds / max(len(curves) * trials, 1))


def compare(
    tasks: Sequence[Task],
    samplers: Sequence[str],
    seeds: Iterable[int],
    trials: int,
    workers: int = 1,
    done: Callable[[str, str, Runs], None] | None = None,
) -> dict[str, dict[str, Runs]]:
    """Return what each sampler reached on each task: sampler name to task name to runs.

    Args:
        tasks: What to solve.
        samplers: Names on the shelf, or ``module:NAME``.
        seeds: Of every sampler on every task, so that differences are paired.
        trials: How many networks each search trains.
        workers: How many at the same time.
        done: Called with the names and the runs after each pair.
    """
    seeds = list(seeds)
    results: dict[str, dict[str, Runs]] = {name: {} for name in samplers}
    for task in tasks:
        for name in samplers:
            runs = replay(task, SAMPLERS[name], seeds, trials, workers)
            results[name][task.name] = runs
            if done is not None:
                done(task.name, name, runs)
    return results
