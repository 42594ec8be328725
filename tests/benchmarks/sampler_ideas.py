"""What changes of the sampler were tried on tasks of their own, and what they save. Goes on where it stopped.

Run: ``python -m tests.benchmarks.sampler_ideas STATE.json [IDEA TASKS SEEDS]...``; each finished search is
kept in the file, and what there is at the end is filed under results/. The searches run so far are in
``results/sampler_ideas.json``: give a copy of it as STATE.json to go on. An idea that helps belongs into the
sampler. `costs` is part of it now: better by the mean after 20 trials in the wide spaces, if not by more than
chance, and no worse elsewhere. `base` and all other ideas are without it; those did not help either.

The split: ideas are chosen here, and only here, on tasks that `evidence_regret` names for that purpose:
NAS-Bench-Macro under 27.5, 37.5 and 55M MACs, without counts, and instances of both synthetic spaces, with
seeds from 100 on. What `test_sampler_regret` and `parallel_regret` file is judged on: seven other budgets,
other instances, seeds from 0 on.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray

from nas.bayesopt import acquisition_optimizer, initial_design, scoring
from nas.bayesopt.acquisition import log_noisy_expected_improvement
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Rows
from nas.bayesopt.region_surrogate import surrogate_of
from nas.bayesopt.sources import Sources
from nas.samplers import SAMPLERS, factor_gp
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.regret import interval, written
from nas.tabular.replay import replay
from nas.tabular.table import Table, load
from nas.tabular.task import Task
from tests.benchmarks.filing import file_result
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.synthetic_spaces import factors_and_interactions, wrong_structure
from tests.benchmarks.test_sampler_regret import MACRO

Floats = NDArray[np.float64]
BUDGETS_M: Final = (27.5, 37.5, 55)
FIRST_SEED: Final = 100


@contextmanager
def changed(place: Any, name: str, value: Any) -> Iterator[None]:
    """Run with another value of a module's name."""
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


@contextmanager
def d_optimal(starts: int) -> Iterator[None]:
    """Choose start-up points for main effects: the greatest determinant of their information, ridge 1."""
    kept_for: list[tuple[Region, Callable[[Rows], Floats]]] = []

    def features(region: Region, rows: Rows) -> Floats:
        if not kept_for or kept_for[0][0] is not region:
            kept_for[:] = [(region, surrogate_of(region, 0).local)]
        return np.column_stack([np.ones(len(rows)), kept_for[0][1](rows)])

    def next_start(
        rng: np.random.Generator, region: Region, taken: Rows, seen: frozenset[bytes], *, near: bool = True
    ) -> Rows:
        half = 0.5 if near else 0.0
        pool = initial_design._near_the_budget(rng, region, seen, initial_design._POOL, share=half)
        if not len(taken) or not len(pool):
            return pool[:1]
        known, other = features(region, taken), features(region, pool)
        information = known.T @ known + np.eye(known.shape[1])
        gain = (other * np.linalg.solve(information, other.T).T).sum(axis=1)
        return pool[[gain.argmax()]]

    with changed(factor_gp, "next_start", next_start), changed(factor_gp, "_STARTS", starts):
        yield


@contextmanager
def random_after(first: int) -> Iterator[None]:
    """Choose start-up points after the first few at random near the budget, not far from one another."""

    def other(
        rng: np.random.Generator, region: Region, taken: Rows, seen: frozenset[bytes], *, near: bool = True
    ) -> Rows:
        if len(taken) < first:
            return initial_design.next_start(rng, region, taken, seen, near=near)
        half = 0.5 if near else 0.0
        return initial_design._near_the_budget(rng, region, seen, initial_design._POOL, share=half)[:1]

    with changed(factor_gp, "next_start", other):
        yield


def deviations(factor: float) -> AbstractContextManager[None]:
    """Count the surrogate's deviations as smaller than they are: more is expected of what is known."""

    def smaller(mean: Any, variance: Any, base: Any, feasible: Any) -> Any:
        return log_noisy_expected_improvement(mean, variance * factor**2, base, feasible)

    return changed(scoring, "log_noisy_expected_improvement", smaller)


def without_costs() -> AbstractContextManager[None]:
    """Know nothing of a network before a trial, as before known constraints were evidence."""
    return changed(Sources, "of_costs", lambda *_: None)


IDEAS: Final[Mapping[str, tuple[str, Callable[[], AbstractContextManager[None]]]]] = {
    "base": ("the sampler before `costs`", nullcontext),
    "costs": ("known constraints as evidence", nullcontext),
    "dopt": ("D-optimal second point", partial(d_optimal, 2)),
    "dopt,starts4": ("four D-optimal points", partial(d_optimal, 4)),
    "starts1": (
        "4 points at the start instead of 8, from 21 parameters on",
        partial(changed, factor_gp, "_STARTS", 1),
    ),
    "later_random": ("random points at the start, from the third on", partial(random_after, 2)),
    "rounds30": (
        "up to 30 steps of the local search instead of 6",
        partial(changed, acquisition_optimizer, "_ROUNDS", 30),
    ),
    "greedy5": ("half the deviations in the acquisition", partial(deviations, 0.5)),
}
TASKS: Final = {
    "m5": ("NAS-Bench-Macro, three budgets", 10, 1, (5, 10)),
    "m30": ("NAS-Bench-Macro, three budgets, longer", 30, 1, (10, 20, 30)),
    "m8": ("NAS-Bench-Macro, three budgets, 8 workers", 16, 8, (10, 12, 16)),
    "ft": ("Mixed space, 27 parameters", 40, 1, (10, 20, 40)),
    "wt": ("Space of 32 parameters without structure", 40, 1, (10, 20, 40)),
}
"""Title, trials, workers and the trials after which regret is told, by name."""


@cache
def table() -> Table:
    return load(MACRO)


def tasks(kind: str, seed: int) -> Iterator[tuple[str, Task]]:
    """Yield the name and task of each search of one seed."""
    if kind == "ft":
        yield "f27", factors_and_interactions(seed)
    elif kind == "wt":
        yield "w32", wrong_structure(seed)
    else:
        for budget in BUDGETS_M:
            yield f"macro {budget}", replace(table().task(budget * 1e6), evidence=())


def run(state: Path, idea: str, kind: str, seeds: int) -> None:
    """Run the searches with one idea that the file lacks."""
    found: dict[str, list[float]] = json.loads(state.read_text()) if state.exists() else {}
    _, trials, workers, _ = TASKS[kind]
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        for name, task in tasks(kind, seed):
            key = f"{idea}|{kind}|{workers}|{name}|{seed}"
            if key not in found:
                with nullcontext() if idea == "costs" else without_costs(), IDEAS[idea][1]():
                    runs = replay(task, SAMPLERS["factor_gp"], [seed], trials, workers)
                found[key] = runs.regret[0].round(5).tolist()
                kept(state, found)


def by_seed(found: Mapping[str, list[float]], idea: str, kind: str) -> dict[int, Floats]:
    """Return the mean curve over the tasks of each seed of which all are done."""
    curves: dict[int, list[list[float]]] = {}
    for key, curve in found.items():
        if key.startswith(f"{idea}|{kind}|"):
            curves.setdefault(int(key.rsplit("|", 1)[1]), []).append(curve)
    whole = 1 if kind in {"ft", "wt"} else len(BUDGETS_M)
    return {seed: np.mean(each, axis=0) for seed, each in curves.items() if len(each) == whole}


def lines(found: Mapping[str, list[float]]) -> list[str]:
    """Return regrets and paired differences as Markdown."""
    told = ["Regret in points; differences to the first line paired by seed, 95 % intervals.", ""]
    for kind, (title, _, _, after) in TASKS.items():
        base = by_seed(found, "base", kind)
        if not any(by_seed(found, idea, kind) for idea in IDEAS if idea != "base"):
            continue
        head = " | ".join(f"after {n} | more" for n in after)
        told += [f"{title}:", "", f"| idea | seeds | {head} |", "| --- " * (2 + 2 * len(after)) + "|"]
        for idea, (words, _) in IDEAS.items():
            curves = by_seed(found, idea, kind)
            both = sorted(set(base) & set(curves))
            if len(both) < 2:
                continue
            ours, theirs = (np.stack([one[seed] for seed in both]) for one in (curves, base))
            cells = []
            for n in after:
                apart = "" if idea == "base" else written(interval((ours - theirs)[:, n - 1]), "+")
                cells += [f"{ours[:, n - 1].mean():.3f}", apart]
            told.append(f"| {words} | {len(both)} | " + " | ".join(cells) + " |")
        told.append("")
    return told


def main() -> None:
    """Run what was asked for, and file everything."""
    state, *jobs = sys.argv[1:]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with torch_threads(1):
        for idea, kind, seeds in zip(jobs[::3], jobs[1::3], jobs[2::3], strict=True):
            run(Path(state), idea, kind, int(seeds))
    file_result(
        "sampler_ideas",
        command="python -m tests.benchmarks.sampler_ideas STATE.json IDEA TASKS SEEDS ...",
        seed=f"{FIRST_SEED} on",
        lines=lines(json.loads(Path(state).read_text())),
    )


if __name__ == "__main__":
    main()
