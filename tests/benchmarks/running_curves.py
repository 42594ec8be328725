"""Does it save trainings that proposals know how far those that still run have come?

Run: ``python -m tests.benchmarks.running_curves STATE.json [SEEDS SLOTS]``. Each finished search is kept in
the file, so that it goes on where it stopped; what there is is filed under results/. The searches run
so far are in ``results/running_curves.json``: give a copy of it as STATE.json to go on.

Searches without `--reproducible` on the simulated clock and with the made-up curves of `reproducible_regret`,
on NAS-Bench-Macro without counts: once with `factor_gp` as it is, and once with one that learns from a
training only when it has ended. Seeds from 100 on, and budgets on which nothing is judged.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna

from nas.bayesopt.history import Histories
from nas.samplers import factor_gp
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.regret import interval, written
from nas.tabular.table import load
from tests.benchmarks.filing import file_result
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.reproducible_regret import AFTER, MACRO, spread
from tests.benchmarks.sampler_ideas import BUDGETS_M, FIRST_SEED, changed
from tests.benchmarks.simulated_search import Search

KINDS: Final = {"level": "only trainings that have ended", "curves": "and rungs of those that still run"}


def ended_only(*arguments: Any, **_: bool) -> Histories:
    """Return a reader of studies that does not read trainings that still run."""
    return Histories(*arguments)


def search(state: Path, seeds: int, slots: int) -> dict[str, list[float]]:
    """Return the regret after each network of all searches, after running those that the file lacks."""
    found: dict[str, list[float]] = json.loads(state.read_text()) if state.exists() else {}
    table = load(MACRO)
    tasks = {budget: replace(table.task(budget * 1e6), evidence=()) for budget in BUDGETS_M}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        for budget, task in tasks.items():
            for kind in KINDS:
                key = f"{kind}|{slots}|{budget}|{seed}"
                if key not in found:
                    other = changed(factor_gp, "Histories", ended_only) if kind == "level" else nullcontext()
                    with other:
                        run = Search(task, seed, slots, "None", spread(task), AFTER[-1]).run()
                    found[key] = [round(regret, 5) for regret in run[0]]
                    kept(state, found)
    return found


def lines(found: Mapping[str, list[float]], slots: int) -> list[str]:
    """Return regrets and paired differences as Markdown."""
    seeds = sorted({int(key.rsplit("|", 1)[1]) for key in found})
    keys = {kind: [[f"{kind}|{slots}|{b}|{s}" for b in BUDGETS_M] for s in seeds] for kind in KINDS}
    whole = [i for i in range(len(seeds)) if all(key in found for each in keys.values() for key in each[i])]
    curves = {
        kind: np.array([np.mean([found[key] for key in each[i]], axis=0) for i in whole])
        for kind, each in keys.items()
    }
    told = [
        f"Regret in points with {slots} trainings at a time, {len(whole)} seeds, three budgets; differences",
        "to the first line paired by seed, 95 % intervals.",
        "",
        "| proposals know | " + " | ".join(f"after {n} | more" for n in AFTER) + " |",
        "| --- " * (1 + 2 * len(AFTER)) + "|",
    ]
    for kind, words in KINDS.items():
        cells = []
        for n in AFTER:
            apart = interval((curves[kind] - curves["level"])[:, n - 1])
            cells += [f"{curves[kind][:, n - 1].mean():.3f}", "" if kind == "level" else written(apart, "+")]
        told.append(f"| {words} | " + " | ".join(cells) + " |")
    return told


def main() -> None:
    """Run what is missing, and file everything."""
    state, *numbers = sys.argv[1:]
    seeds, slots = map(int, numbers or (20, 4))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with torch_threads(1):
        found = search(Path(state), seeds, slots)
    done = len({key.rsplit("|", 1)[1] for key in found})
    file_result(
        "running_curves",
        command=f"python -m tests.benchmarks.running_curves STATE.json {done} {slots}",
        seed=f"from {FIRST_SEED} on",
        lines=lines(found, slots),
    )


if __name__ == "__main__":
    main()
