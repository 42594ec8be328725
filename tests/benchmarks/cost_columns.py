"""Do log costs and depths as further inputs of the surrogate make searches shorter? Goes on where it stopped.

Run: ``python -m tests.benchmarks.cost_columns STATE.json [SEEDS SEEDS_MIXED]``. Each finished search is kept
in the file, and what there is so far is filed under results/ at the end.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

from nas.bayesopt.problem import Params, Problem
from nas.samplers import SAMPLERS
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.table import Table, load
from nas.tabular.task import Task
from tests.benchmarks.filing import file_result
from tests.benchmarks.synthetic_spaces import factors_and_interactions

MACRO = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
BUDGETS_M = (25, 35, 50, None)
AFTER = (10, 15, 20)
INPUTS = {
    "none": "parameters and known constraints (as `nas search` and `nas bench` do)",
    "logs": "and log MACs, log params",
    "all": "and log MACs, log params, depth",
}


def columns(table: Table, inputs: str, points: Sequence[Params]) -> NDArray[np.float64]:
    """Return further inputs of networks of NAS-Bench-Macro; the depth is the number of real layers."""
    rows = [table.row(point) for point in points]
    logs = np.log(np.stack([table.costs[name][rows] for name in ("macs", "params")], axis=1))
    depth = np.array([[sum(choice != "0" for choice in point.values())] for point in points], np.float64)
    return np.concatenate([logs, depth], axis=1) if inputs == "all" else logs


def tasks(table: Table, seed: int) -> Iterator[tuple[str, Task, Problem]]:
    """Yield name, task and problem of every search of one seed."""
    for budget in BUDGETS_M:
        task = table.task(budget * 1e6 if budget else None)
        for inputs in INPUTS:

            def features(points: Sequence[Params], inputs: str = inputs) -> NDArray[np.float64]:
                return columns(table, inputs, points)

            yield (
                f"{inputs} {budget} {seed}",
                task,
                problem(task, seed, None if inputs == "none" else features),
            )


def mixed(seed: int) -> Iterator[tuple[str, Task, Problem]]:
    """Yield the same for a mixed space of 27 parameters, where accuracy falls with log cost."""
    task = factors_and_interactions(seed)
    known = task.known_constraints_batch
    assert known is not None

    def log_cost(points: Sequence[Params]) -> NDArray[np.float64]:
        return np.log(np.maximum(known(points) + 12.0, 1e-3))  # costs are between 0 and some dozens

    yield f"none mixed {seed}", task, problem(task, seed, None)
    yield f"logs mixed {seed}", task, problem(task, seed, log_cost)


def problem(task: Task, seed: int, features: object) -> Problem:
    """Return the problem of a task with further inputs of the surrogate."""
    return Problem(
        distributions=task.distributions,
        seed=seed,
        known_constraints_batch=task.known_constraints_batch,
        factors_batch=features,  # type: ignore[arg-type]
    )


def regret(task: Task, told: Problem, trials: int) -> list[float]:
    """Return the regret after each trial of one search."""
    study = optuna.create_study(direction="maximize", sampler=SAMPLERS["factor_gp"](told))
    rng = np.random.default_rng(np.random.SeedSequence([told.seed, 1]))
    found = []
    for _ in range(trials):
        trial = study.ask(dict(task.distributions))
        study.tell(trial, task.observe(trial.params, rng))
        found.append(task.truth(trial.params))
    return [float(r) for r in task.best - np.maximum.accumulate(found)]


def lines(done: dict[str, list[float]]) -> list[str]:
    """Return the regrets of both spaces as Markdown."""
    told = []
    for title, chosen in (("NAS-Bench-Macro, four budgets", False), ("Mixed space, 27 parameters", True)):
        runs = {k: v for k, v in done.items() if ("mixed" in k) is chosen}
        if not runs:
            continue
        head = " | ".join(f"after {n}" for n in AFTER)
        told += [
            f"{title}: regret in points, and the paired difference to the first line ± standard error.",
            "",
        ]
        told += [f"| inputs of the surrogate | searches | {head} |", "| --- " * (2 + len(AFTER)) + "|"]
        for inputs, words in INPUTS.items():
            keys = [k.split(" ", 1)[1] for k in runs if k.startswith(f"{inputs} ")]
            keys = [k for k in keys if f"none {k}" in runs]
            if not keys:
                continue
            ours = np.array([runs[f"{inputs} {k}"] for k in keys])
            apart = ours - np.array([runs[f"none {k}"] for k in keys])
            cells = [
                f"{ours[:, n - 1].mean():.3f}"
                + (
                    ""
                    if inputs == "none"
                    else f" ({apart[:, n - 1].mean():+.3f} ± {error(apart[:, n - 1]):.3f})"
                )
                for n in AFTER
            ]
            told.append(f"| {words} | {len(keys)} | " + " | ".join(cells) + " |")
        told.append("")
    return told


def error(samples: NDArray[np.float64]) -> float:
    """Return the standard error of a mean."""
    return float(samples.std(ddof=1) / len(samples) ** 0.5) if len(samples) > 1 else float("nan")


def main() -> None:
    """Run what is missing, and file everything."""
    state, *numbers = sys.argv[1:]
    seeds, seeds_mixed = map(int, numbers or (18, 8))
    path = Path(state)
    done: dict[str, list[float]] = json.loads(path.read_text()) if path.exists() else {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = load(MACRO)
    with torch_threads(1):
        searches = [search for seed in range(seeds) for search in tasks(table, seed)]
        for name, task, told in (*searches, *(s for seed in range(seeds_mixed) for s in mixed(seed))):
            if name not in done:
                done[name] = regret(task, told, AFTER[-1])
                path.write_text(json.dumps(done))
    file_result(
        "sampler_cost_columns",
        command=f"python -m tests.benchmarks.cost_columns STATE.json {seeds} {seeds_mixed}",
        seed=f"0 to {seeds - 1}" + (f", in the mixed space 0 to {seeds_mixed - 1}" if seeds_mixed else ""),
        lines=lines(done),
    )


if __name__ == "__main__":
    main()
