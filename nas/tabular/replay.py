"""Replays searches on tabular tasks: runs every sampler on the same tasks and seeds, without training."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.samplers import BaseSampler

from nas.bayesopt.problem import Problem, Source, TransferSource
from nas.samplers import SAMPLERS
from nas.tabular.task import Task

Maker = Callable[[Problem], BaseSampler]


@dataclass(frozen=True)
class Runs:
    """Results of one sampler on one task.

    Attributes:
        regret: Best feasible true value minus the best found so far, at least 0, ``[seeds, trials]``.
        over_budget: Number of proposals that broke a known constraint.
        repeated: Number of proposals that repeated a point.
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
    evidence: Callable[[int], Sequence[Source | TransferSource]] = lambda _: (),
) -> Runs:
    """Return the results of a sampler after `trials` trials, for each seed.

    With several workers, that many trials run at once; the one that was asked first ends first.

    Args:
        task: Task to solve.
        make: Function from a problem to the sampler.
        seeds: Seeds of the sampler and of the noise of its trainings.
        trials: Number of trials.
        workers: Number of trials that run at the same time, at most `trials`.
        evidence: Function from a seed to sources of evidence besides the task's.
    """
    curves, over, repeated, seconds = [], 0, 0, 0.0
    workers = min(workers, trials)
    for seed in seeds:
        problem = Problem(
            distributions=task.distributions,
            seed=seed,
            known_constraints_batch=task.known_constraints_batch,
            evidence=(*task.evidence, *evidence(seed)),
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
                found.append(task.truth(trial.params) if task.fits(trial.params) else task.worst)
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
    """Return the results of each sampler on each task: sampler name to task name to runs.

    Args:
        tasks: Tasks to solve.
        samplers: Names of samplers, or ``module:NAME``.
        seeds: Seeds, the same for every sampler and task, so that differences are paired.
        trials: Number of trials of each search.
        workers: Number of trials that run at the same time.
        done: Callback with task name, sampler name and runs after each pair.
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
