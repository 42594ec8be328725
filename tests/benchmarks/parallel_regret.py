"""Regret of several workers against one worker that knows as much: the fair bound of a batch.

Run ``python -m tests.benchmarks.parallel_regret STATE.json [SEEDS WORKERS ...]``, by default for 20 seeds and
4 and 8 workers. Each finished search is kept in the file, so that it goes on where it stopped; what there is
is filed under results/, with 0 seeds at once. The searches that were run so far are in
``results/sampler_workers.json``: give a copy of it as STATE.json to go on.

Of `q` workers each proposes without the outcomes of the q - 1 trials that still run: after n trials they
cannot be expected to have found more than one worker has after n - (q - 1). Trials end in the order in which
they began. NAS-Bench-Macro without counts as evidence, and one instance a seed of the synthetic spaces.
Priors of the surrogate were once chosen on seeds 0 to 9 of these budgets; what is tried now is chosen on the
tasks of `sampler_ideas` and `evidence_regret`.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import optuna
from numpy.typing import NDArray

from nas.samplers import SAMPLERS
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.regret import interval
from nas.tabular.replay import replay
from nas.tabular.table import Table, load
from nas.tabular.task import Task
from tests.benchmarks.filing import file_result
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.synthetic_spaces import factors_and_interactions, wrong_structure
from tests.benchmarks.test_sampler_regret import BUDGETS_M, MACRO

Searches = Mapping[str, list[float]]
"""Regret after each trial, by task, number of workers and seed."""

GROUPS: Final = {
    "NAS-Bench-Macro": ([f"macro {budget}" for budget in BUDGETS_M], 30, (10, 20, 30)),
    "27 parameters": (["factors_and_interactions"], 40, (10, 20, 40)),
    "32 parameters": (["wrong_structure"], 40, (10, 20, 40)),
}
MADE: Final[Mapping[str, Callable[[int], Task]]] = {
    "factors_and_interactions": factors_and_interactions,
    "wrong_structure": wrong_structure,
}


@cache
def macro() -> Table:
    return load(MACRO)


def task_of(name: str, seed: int) -> Task:
    if name in MADE:
        return MADE[name](seed)
    budget = name.removeprefix("macro ")
    limit = None if budget == "None" else float(budget) * 1e6
    return replace(macro().task(limit), evidence=())


def key(task: str, workers: int, seed: int) -> str:
    return f"{task}, {workers} workers, seed {seed}"


def search(state: Path, seeds: int, workers: Sequence[int]) -> Searches:
    """Return all searches after running those that the file lacks, seed by seed."""
    found: dict[str, list[float]] = json.loads(state.read_text()) if state.exists() else {}
    for seed in range(seeds):
        for tasks, trials, _ in GROUPS.values():
            for task in tasks:
                for q in (1, *workers):
                    if key(task, q, seed) not in found:
                        runs = replay(task_of(task, seed), SAMPLERS["factor_gp"], [seed], trials, q)
                        found[key(task, q, seed)] = runs.regret[0].round(5).tolist()
                        kept(state, found)
    return found


def mean_regret(found: Searches, tasks: list[str], workers: int, seeds: list[int]) -> NDArray[np.float64]:
    """Return the regret of each seed, averaged over tasks, ``[seeds, trials]``."""
    return np.array([np.mean([found[key(t, workers, seed)] for t in tasks], axis=0) for seed in seeds])


def seeds_of(found: Searches) -> list[int]:
    """Return the seeds of the searches that have been run, in order."""
    return sorted({int(name.rsplit(" ", 1)[1]) for name in found})


def lines_of(found: Searches, workers: int) -> list[str]:
    lines = [
        f"| | seeds | after | one worker | bound: one worker, {workers - 1} trials fewer | {workers} workers "
        f"| more than the bound |",
        "| --- " * 7 + "|",
    ]
    for name, (tasks, _, after) in GROUPS.items():
        whole = [
            s for s in seeds_of(found) if all(key(t, q, s) in found for t in tasks for q in (1, workers))
        ]
        if len(whole) < 2:
            continue
        one, several = (mean_regret(found, tasks, q, whole) for q in (1, workers))
        for n in after:
            bound = one[:, n - workers]
            mean, low, high = interval(several[:, n - 1] - bound)
            cells = [one[:, n - 1].mean(), bound.mean(), several[:, n - 1].mean()]
            numbers = " | ".join(f"{cell:.3f}" for cell in cells)
            lines.append(
                f"| {name} | {len(whole)} | {n} | {numbers} | {mean:+.3f} [{low:+.3f}, {high:+.3f}] |"
            )
    return lines


def main() -> None:
    """Run what is missing, and file everything."""
    state, *numbers = sys.argv[1:]
    seeds, *workers = map(int, numbers or (20, 4, 8))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with torch_threads(1):
        found = search(Path(state), seeds, workers)
    for q in workers:
        file_result(
            f"sampler_{q}_workers_and_bound",
            command=f"python -m tests.benchmarks.parallel_regret STATE.json {seeds_of(found)[-1] + 1} {q}",
            seed=f"0 to {seeds_of(found)[-1]}, of which those counted in the table have been finished",
            lines=[
                "Mean regret of factor_gp in points; differences paired by seed, 95 % intervals.",
                "",
                *lines_of(found, q),
            ],
        )


if __name__ == "__main__":
    main()
