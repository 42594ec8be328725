"""Hypervolume of two objectives under a constraint that trials measure: the sampler beside its peers.

    .venv/bin/python -m tests.benchmarks.constrained_fronts           # what Optuna has, the rest is skipped
    .venv-peers/bin/python -m tests.benchmarks.constrained_fronts     # with Ax; see `make benchmark-peers`

Each search is kept in ``results/constrained_fronts.json``, and the command goes on where it stopped. Nobody
knows the constraint before a trial has measured it. Tasks: two coordinates and a number whose best point is
infeasible; NAS-Bench-Macro by accuracy and MACs, with parameters for a measured latency; the synthetic space
of 27 parameters by value and cost.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from nas.bayesopt.problem import Params, Problem
from nas.samplers import SAMPLERS
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.regret import interval
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.parallel_regret import macro
from tests.benchmarks.synthetic_spaces import factors_and_interactions
from tests.nas.bayesopt.volumes import hypervolume

STATE: Final = RESULTS / "constrained_fronts.json"
TRIALS: Final = 24
AFTER: Final = (12, 18, 24)
OURS: Final = "factor_gp"
SAMPLER_NAMES: Final = ("factor_gp", "gp", "nsga2", "ax", "random")


@dataclass(frozen=True, kw_only=True)
class Front:
    """A task of two objectives.

    Attributes:
        distributions: Distribution of each parameter by name.
        values: Function from a point to two objectives, both to be maximised, and to what a trial measures,
            feasible where it is at most 0.
        reference: Values of no worth: the corner from which volumes are counted, ``[2]``.
    """

    distributions: Mapping[str, BaseDistribution]
    values: Callable[[Params], tuple[float, float, float]]
    reference: tuple[float, float]


def circle(_: int) -> Front:
    """Return two coordinates within a circle; a number in the middle makes both count most."""

    def values(point: Params) -> tuple[float, float, float]:
        bonus = 1 - 0.1 * abs(point["n"] - 2)
        first, second = point["x"], point["y"]
        return first * bonus, second * bonus, first**2 + second**2 - 0.8

    coordinate = FloatDistribution(0.0, 1.0)
    space = {"x": coordinate, "y": coordinate, "n": IntDistribution(0, 4)}
    return Front(distributions=space, values=values, reference=(0.0, 0.0))


def nas_bench_macro(_: int) -> Front:
    """Return accuracy in points above 85 and millions of MACs below 80, within the median of parameters."""
    table = macro()
    limit = float(np.median(table.costs["params"]))
    task = table.task(None)

    def values(point: Params) -> tuple[float, float, float]:
        row = table.row(point)
        macs, params = table.costs["macs"][row] / 1e6, table.costs["params"][row]
        return float(table.means[row]), -float(macs), float(params) / limit - 1

    return Front(distributions=task.distributions, values=values, reference=(85.0, -80.0))


def synthetic(seed: int) -> Front:
    """Return the value of a space of 27 parameters, and its cost, which may not exceed the budget."""
    task = factors_and_interactions(seed)
    assert task.known_constraints_batch is not None
    known = task.known_constraints_batch

    def values(point: Params) -> tuple[float, float, float]:
        excess = float(known([point])[0, 0])
        return task.truth(point), -excess, excess

    drawn = np.random.default_rng(seed)
    points = [{n: _drawn(d, drawn) for n, d in task.distributions.items()} for _ in range(500)]
    seen = np.array([values(point) for point in points])
    low = np.quantile(seen, 0.1, axis=0)
    return Front(distributions=task.distributions, values=values, reference=(float(low[0]), float(low[1])))


def _drawn(distribution: BaseDistribution, rng: np.random.Generator) -> Any:
    match distribution:
        case IntDistribution(low=low, high=high):
            return int(rng.integers(low, high + 1))
        case _:
            choices = distribution.choices  # type: ignore[attr-defined]
            return choices[rng.integers(len(choices))]


TASKS: Final[Mapping[str, Callable[[int], Front]]] = {
    "a circle": circle,
    "NAS-Bench-Macro": nas_bench_macro,
    "27 parameters": synthetic,
}


def volumes(sampler: str, task: str, seed: int) -> list[float]:
    """Return the hypervolume of the feasible points above the reference after each trial."""
    front = cache(TASKS[task])(seed)
    run = _by_ax if sampler == "ax" else partial(_by_optuna, sampler)
    feasible, found = [], []
    for first, second, excess in run(front, seed):
        if excess <= 0:
            feasible.append((first, second))
        corner = np.array(front.reference)
        found.append(round(hypervolume(np.array(feasible), corner), 5) if feasible else 0.0)
    return found


def _by_optuna(sampler: str, front: Front, seed: int) -> list[tuple[float, float, float]]:
    """Return what each trial measured."""
    space = dict(front.distributions)
    problem = Problem(distributions=space, seed=seed)
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=SAMPLERS[sampler](problem))
    measured = []
    for _ in range(TRIALS):
        trial = study.ask(space)
        measured.append(front.values(trial.params))
        trial.set_constraint("measured", measured[-1][2])
        study.tell(trial, measured[-1][:2])
    return measured


def _by_ax(front: Front, seed: int) -> list[tuple[float, float, float]]:
    """Return what each trial of Ax's client measured; its default for this is noisy expected hypervolume."""
    from tests.benchmarks.peers.ax import client_of

    client, decoded = client_of(front.distributions, seed)
    first, second = front.reference
    client.configure_optimization(
        objective="first, second",
        outcome_constraints=["excess <= 0", f"first >= {first}", f"second >= {second}"],
    )
    measured = []
    for _ in range(TRIALS):
        [(index, point)] = client.get_next_trials(max_trials=1).items()
        measured.append(front.values(decoded(point)))
        client.complete_trial(
            index, raw_data=dict(zip(("first", "second", "excess"), measured[-1], strict=True))
        )
    return measured


def lines_of(found: Mapping[str, list[float]], task: str) -> list[str]:
    """Return a table of the volumes in a task, and of differences paired by seed."""
    heads = [*(f"after {n}" for n in AFTER), f"more than {OURS}, {AFTER[-1]}"]
    lines = ["", f"## {task}", "", f"| sampler | seeds | {' | '.join(heads)} |", "| --- " * 6 + "|"]
    ours = _by_seed(found, OURS, task)
    for sampler in SAMPLER_NAMES:
        theirs = _by_seed(found, sampler, task)
        seeds = sorted(set(ours) & set(theirs))
        if len(seeds) < 2:
            continue
        runs = np.array([theirs[seed] for seed in seeds])
        cells = [cell(runs[:, n - 1]) for n in AFTER]
        more = ""
        if sampler != OURS:
            mean, low, high = interval(runs[:, -1] - np.array([ours[seed] for seed in seeds])[:, -1])
            more = f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"
        lines.append(f"| {sampler} | {len(seeds)} | {' | '.join(cells)} | {more} |")
    return lines


def key(sampler: str, task: str, seed: int) -> str:
    """Return the name of a search."""
    return f"{sampler}: {task}, seed {seed}"


def _by_seed(found: Mapping[str, list[float]], sampler: str, task: str) -> dict[int, list[float]]:
    start = f"{sampler}: {task}, seed "
    return {int(name.removeprefix(start)): run for name, run in found.items() if name.startswith(start)}


def cell(samples: NDArray[np.float64]) -> str:
    """Return mean and standard error."""
    return f"{samples.mean():.3f} ± {samples.std(ddof=1) / len(samples) ** 0.5:.3f}"


def main() -> None:
    """Run what is missing, and file everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no search after that time")
    parser.add_argument("--state", type=Path, default=STATE)
    given = parser.parse_args()
    until = time.monotonic() + 60 * given.minutes
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = [name for name in SAMPLER_NAMES if name != "ax" or find_spec("ax")]
    found: dict[str, list[float]] = json.loads(given.state.read_text()) if given.state.exists() else {}
    with torch_threads(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(given.seeds):
            for task in TASKS:
                for sampler in names:
                    name = key(sampler, task, seed)
                    if name not in found and time.monotonic() < until:
                        found[name] = volumes(sampler, task, seed)
                        kept(given.state, found)
    file_result(
        "sampler_constrained_fronts",
        command="python -m tests.benchmarks.constrained_fronts",
        seed=f"0 to {given.seeds - 1}, of which those counted have been finished",
        lines=[
            "Hypervolume of the feasible points of two objectives under a constraint that trials measure; "
            "mean ± standard error, differences paired by seed with 95 % intervals. `gp` and `nsga2` are "
            "Optuna's, `ax` is Ax's client (noisy expected hypervolume improvement), which alone is told the "
            "corner from which volumes are counted.",
            *(line for task in TASKS for line in lines_of(found, task)),
        ],
        packages=("botorch", "ax-platform"),
    )


if __name__ == "__main__":
    main()
