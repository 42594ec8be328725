"""The sampler against other people's, all granted the same knowledge of what fits, by one and four workers.

Run ``make benchmark-peers``; it makes an environment of its own for Ax, BoTorch, SMAC3 and Syne Tune, and
goes on where it stopped. ``ARGS="--seeds 5 --samplers factor_gp,botorch"`` runs a part, and
``ARGS="--minutes 0"`` only files what is there. Every search is kept in ``results/peers.json``.

All sample the networks that fit, before anything is spent: by listing or drawing candidates, or by asking
again (`ax`, `nsga2`, `tpe`). None has counts as evidence; without any, `factor_gp` takes the known
constraints for it. A trial that ran first ends first. HEBO 0.3.6 is missing: it requires numpy below 1.25 and
GPy, which cannot be installed beside this torch.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna

from nas.samplers import SAMPLERS
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.regret import interval
from nas.tabular.replay import replay
from nas.tabular.table import Table, load
from nas.tabular.task import Task
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.kept_runs import in_processes, kept
from tests.benchmarks.parallel_regret import GROUPS as TUNED_ON
from tests.benchmarks.parallel_regret import task_of as tuned_on
from tests.benchmarks.trained_tables import SPACES, TABLES

OURS: Final = "factor_gp"
PEERS: Final = {
    "ax": "tests.benchmarks.peers.ax:SAMPLER",
    "botorch": "tests.benchmarks.peers.botorch:SAMPLER",
    "smac": "tests.benchmarks.peers.smac:SAMPLER",
    "quantile_regression": "tests.benchmarks.peers.quantile_regression:SAMPLER",
    "banana": "tests.benchmarks.peers.banana:SAMPLER",
    "gp": "gp",
    "tpe": "tpe",
    "nsga2": "nsga2",
    "evolution": "evolution",
    "random": "random",
}
BUDGETS_M: Final = {"sizes": (0.8, 1.5, None), "mixers": (1.8, 2.5, None)}
"""Budgets in the tables of `trained_tables`, in millions of MACs: a quarter to two fifths of the networks fit
the first, half to two thirds the second."""
GROUPS: Final = {
    **TUNED_ON,
    **{
        f"CIFAR-10 {name}": ([f"{name} {most}" for most in BUDGETS_M[name]], 24, (6, 12, 24))
        for name in SPACES
    },
}
"""Tasks, trials and after how many of them regret is shown. The sampler was made without the tables of
`trained_tables`."""
STATE: Final = RESULTS / "peers.json"

Searches = dict[str, dict[str, Any]]
"""Regret after each trial and seconds a proposal, by `key`."""


@cache
def trained_table(name: str) -> Table:
    """Return a table of `trained_tables`."""
    return load(TABLES / f"{name}.json")


def task_of(name: str, seed: int) -> Task:
    """Return a task of `GROUPS`."""
    table, _, most = name.partition(" ")
    if table not in SPACES:
        return tuned_on(name, seed)
    return replace(trained_table(table).task(None if most == "None" else float(most) * 1e6), evidence=())


def key(sampler: str, task: str, workers: int, seed: int) -> str:
    """Return the name of a search."""
    return f"{sampler}: {task}, {workers} workers, seed {seed}"


def search(sampler: str, task: str, workers: int, seed: int, trials: int) -> dict[str, Any]:
    """Return the regret after each trial of a search, the proposals over the budget, and the time of one."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings(), torch_threads(1):
        warnings.simplefilter("ignore")
        runs = replay(task_of(task, seed), SAMPLERS[PEERS.get(sampler, sampler)], [seed], trials, workers)
    return {
        "regret": runs.regret[0].round(4).tolist(),
        "over": runs.over_budget,
        "seconds": round(runs.seconds, 3),
    }


def lines_of(found: Searches, group: str, workers: int) -> list[str]:
    """Return a table of the regret in a group of tasks, over the seeds that each sampler has finished."""
    tasks, _, after = GROUPS[group]
    lines = []
    ours = _per_seed(found, OURS, tasks, workers)
    for sampler in (OURS, *PEERS):
        theirs = _per_seed(found, sampler, tasks, workers)
        seeds = sorted(set(ours) & set(theirs))
        if len(seeds) < 2:
            continue
        regret = np.array([theirs[seed][0] for seed in seeds])
        more = regret - np.array([ours[seed][0] for seed in seeds])
        cells = [f"{regret[:, n - 1].mean():.3f}" for n in after]
        if sampler != OURS:
            for n in after:
                mean, low, high = interval(more[:, n - 1])
                cells.append(f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]")
        else:
            cells += [""] * len(after)
        seconds = np.median([theirs[seed][1] for seed in seeds])  # one on a busy machine counts little
        lines.append(f"| {sampler} | {len(seeds)} | {' | '.join(cells)} | {seconds:.2f} |")
    if not lines:
        return []
    heads = ["sampler", "seeds", *(f"after {n}" for n in after)]
    heads += [f"more than {OURS}, {n}" for n in after]
    return [
        "",
        f"## {group}, {workers} {'worker' if workers == 1 else 'workers'}",
        "",
        f"| {' | '.join([*heads, 's a proposal, median'])} |",
        "| --- " * (len(heads) + 1) + "|",
        *lines,
    ]


def _per_seed(found: Searches, sampler: str, tasks: Sequence[str], workers: int) -> dict[int, Any]:
    """Return regret after each trial, averaged over tasks, and seconds a proposal, by seed."""
    seeds = {int(name.rsplit(" ", 1)[1]) for name in found if name.startswith(f"{sampler}: ")}
    whole = {}
    for seed in seeds:
        names = [key(sampler, task, workers, seed) for task in tasks]
        if all(name in found for name in names):
            runs = [found[name] for name in names]
            regret = np.mean([run["regret"] for run in runs], axis=0)
            whole[seed] = (regret, float(np.mean([run["seconds"] for run in runs])))
    return whole


def main() -> None:
    """Run what is missing, seed by seed, and file everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--samplers", default=",".join((OURS, *PEERS)), help="which of them, by comma")
    parser.add_argument("--groups", default=";".join(GROUPS), help="which of the tasks, by semicolon")
    parser.add_argument("--workers", default="1,4")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no search after that time")
    parser.add_argument("--at-once", type=int, default=1, help="searches at the same time")
    parser.add_argument("--state", type=Path, default=STATE)
    given = parser.parse_args()
    until = time.monotonic() + 60 * given.minutes
    found: Searches = json.loads(given.state.read_text()) if given.state.exists() else {}
    wanted = {
        key(sampler, task, workers, seed): partial(search, sampler, task, workers, seed, GROUPS[group][1])
        for seed in range(given.seeds)
        for group in given.groups.split(";")
        for workers in map(int, given.workers.split(","))
        for sampler in given.samplers.split(",")
        for task in GROUPS[group][0]
    }
    for name, run in in_processes({n: r for n, r in wanted.items() if n not in found}, given.at_once):
        found[name] = run
        kept(given.state, found)
        sys.stderr.write(f"{name}: {run['regret'][-1]:.3f}\n")
        if time.monotonic() > until:
            break
    file_table(found)


def file_table(found: Searches) -> None:
    """File regret and differences, each group of tasks and number of workers in a table."""
    lines = [
        "Mean regret in points; differences paired by seed, with 95 % intervals. Nobody has counts as "
        "evidence. `ax` is its client, asked again for what fits; `botorch`, `smac`, `quantile_regression` "
        "(Syne Tune) and `banana` rank all that fits, or 2,000 drawn from it, by their own models and "
        "acquisitions.",
    ]
    for group in GROUPS:
        for workers in (1, 4):
            lines += lines_of(found, group, workers)
    over = sum(run["over"] for run in found.values())
    lines += ["", f"Proposals over the budget: {over} in {len(found):,} searches."]
    seeds = max(int(name.rsplit(" ", 1)[1]) for name in found)
    file_result(
        "sampler_peers",
        command="make benchmark-peers",
        seed=f"0 to {seeds}, of which those counted in a table have been finished",
        lines=lines,
        packages=("botorch", "ax-platform", "smac", "syne-tune"),
    )


if __name__ == "__main__":
    main()
