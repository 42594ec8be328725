"""What sources of evidence save a search, and what misleading ones cost it. Goes on where it stopped.

Run: ``python -m tests.benchmarks.evidence_regret STATE.json [SEEDS SEEDS_SYNTHETIC]``. Each finished search
is kept in the file; at the end, and with 0 seeds at once, what there is so far is filed under results/. The
searches that were run so far are in ``results/sampler_evidence.json``: give it as STATE.json to go on.

On NAS-Bench-Macro the searches are those of `test_sampler_regret.py`: seven budgets, the value of a trial is
one training seed drawn at random, regret is of the mean accuracy. The supernets are the two of
``results/supernet_macro.json``, in turns by seed, as `nas search --evaluator supernet` uses one: a sum over
layers is fitted to the networks that were read. Constants of the sampler were chosen on other seeds, from
100 on, and other budgets: 27.5, 32.5, 37.5, 45, 55 and 65M MACs.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import optuna
from numpy.typing import NDArray

from nas.bayesopt.counts import count_sources, rising_counts
from nas.bayesopt.earlier_study import earlier_study
from nas.bayesopt.feasible_region import region_of
from nas.bayesopt.problem import Params, Problem, Source, TransferSource
from nas.samplers import SAMPLERS
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.replay import replay
from nas.tabular.table import Table, load
from nas.tabular.task import Task
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.sampler_ideas import without_costs
from tests.benchmarks.synthetic_spaces import factors_and_interactions, wrong_structure

MACRO: Final = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
READINGS: Final = RESULTS / "supernet_macro.json"
BUDGETS_M: Final = (25, 30, 35, 40, 50, 60, None)
SUPERNETS: Final = ("fair_wide-1500000-0", "fair_wide-1500000-1")
AFTER: Final = (5, 10, 15, 20)
TRIALS: Final = AFTER[-1]

Floats = NDArray[np.float64]
Maker = Callable[[int], Sequence[Source]]

KINDS: Final = {
    "none": "nothing",
    "counts": "counts",
    "all": "counts and a supernet",
    "shuffled": "counts and a supernet, each shuffled",
    "negated": "counts and a supernet, that negated",
}


@cache
def table() -> Table:
    """Return NAS-Bench-Macro."""
    return load(MACRO)


@cache
def supernet(seed: int) -> Floats:
    """Return what a supernet expects of each network of the table, and its standard errors, ``[n, 2]``."""
    read = json.loads(READINGS.read_text(encoding="utf-8"))
    found = read["supernets"][SUPERNETS[seed % len(SUPERNETS)]]["accuracy"]
    known = {name: value for name, value in zip(read["networks"], found, strict=True) if value is not None}
    names = list(table().parameters)
    source = earlier_study(
        region_of(Problem(distributions=table().task(None).distributions)),
        TransferSource(
            points=[dict(zip(names, network, strict=True)) for network in known],
            values=np.array(list(known.values())),
            fidelity=np.ones(len(known)),
            networks=np.arange(len(known)),
            additive=True,
        ),
        seed=0,
    )
    assert source is not None
    choices = list(table().parameters.values())
    points = [
        {name: values[i] for name, values, i in zip(names, choices, row, strict=True)}
        for row in table().points.tolist()
    ]
    return source.expects(points)


def column(name: str, values: Floats) -> Source:
    """Return a column of the table as a source."""
    return Source(
        name=name,
        expects=lambda points: values[[table().row(p) for p in points]],
        of_value=name == "supernet",
        rises=name in rising_counts(table().parameters),
    )


def macro_sources(kind: str, seed: int) -> list[Source]:
    """Return the sources of one search on NAS-Bench-Macro."""
    t = table()
    counts = {f"log_{name}": np.log(cost) for name, cost in t.costs.items()} | t.counts
    rng = np.random.default_rng(np.random.SeedSequence([seed, 78]))
    if kind == "none":
        return []
    if kind == "counts":
        return list(t.evidence)
    found = {**counts, "supernet": supernet(seed) * ([-1.0, 1.0] if kind == "negated" else 1.0)}
    if kind == "shuffled":
        found = {name: rng.permutation(values) for name, values in found.items()}
    return [column(name, values) for name, values in found.items()]


def synthetic_sources(task: Task, kind: str, seed: int) -> list[Source]:
    """Return the sources of a search in a synthetic space: counts, and the true value with errors."""
    known = task.known_constraints_batch
    assert known is not None
    depths = [name for name in task.distributions if name.startswith("depth")]

    def counts(points: Sequence[Params]) -> dict[str, Floats]:
        each = {name: np.array([float(p[name]) for p in points]) for name in depths}
        log_cost = np.log(np.maximum(known(points)[:, 0] + 20.0, 1e-3))
        return {"log_macs": log_cost, "blocks": np.sum(list(each.values()), axis=0), **each}

    def noisy(points: Sequence[Params]) -> Floats:
        errors = [
            np.random.default_rng([seed, *repr(sorted(p.items())).encode()]).standard_normal() for p in points
        ]
        return np.array([task.truth(p) for p in points]) + 3.0 * np.array(errors)

    names = ["log_macs", "blocks", *depths]
    found = list(count_sources(names, counts, task.distributions)) if kind != "none" else []
    return [*found, Source(name="supernet", expects=noisy, of_value=True)] if kind == "all" else found


def searches(seeds: int, synthetic: int) -> Iterator[tuple[str, Task, int, list[Source]]]:
    """Yield key, task, seed and sources of every search, all kinds of one seed before the next seed."""
    for seed in range(seeds):
        for kind in KINDS:
            for budget in BUDGETS_M:
                task = table().task(budget * 1e6 if budget else None)
                yield f"macro {kind} {budget} {seed}", task, seed, macro_sources(kind, seed)
    for seed in range(synthetic):
        for make in (factors_and_interactions, wrong_structure):
            for kind in ("none", "counts", "all"):
                task = make(seed)
                yield f"{make.__name__} {kind} {seed}", task, seed, synthetic_sources(task, kind, seed)


def regret(task: Task, seed: int, sources: Sequence[Source]) -> list[float]:
    """Return the regret after each trial of one search that knows these sources alone, or nothing."""
    alone = replace(task, evidence=())
    with nullcontext() if sources else without_costs():
        runs = replay(alone, SAMPLERS["factor_gp"], [seed], TRIALS, evidence=lambda _: sources)
    return [float(r) for r in runs.regret[0]]


def lines(done: dict[str, list[float]]) -> list[str]:
    """Return the regrets of every space as Markdown."""
    written = []
    for space, title in (
        ("macro", "NAS-Bench-Macro, seven budgets"),
        ("factors_and_interactions", "Synthetic space of 27 parameters with main effects and interactions"),
        ("wrong_structure", "Synthetic space of 32 parameters in which cost says nothing of value"),
    ):
        runs = {k.split(" ", 1)[1]: v for k, v in done.items() if k.startswith(f"{space} ")}
        if not runs:
            continue
        head = " | ".join(f"after {n}" for n in AFTER)
        written += [f"{title}: regret in points.", ""]
        written += [f"| known beforehand | seeds | {head} | mean of trials 1 to {TRIALS} | change of that |"]
        written += ["| --- " * (4 + len(AFTER)) + "|"]
        for kind, words in KINDS.items():
            curves = _by_seed(runs, kind)
            if curves:
                written.append(_row(words, curves, _by_seed(runs, "none")))
        written.append("")
    return written


def _by_seed(runs: dict[str, list[float]], kind: str) -> dict[str, Floats]:
    """Return the mean curve over the tasks of each seed whose tasks are all done."""
    seeds: dict[str, list[list[float]]] = {}
    for key, curve in runs.items():
        if key.split(" ")[0] == kind:
            seeds.setdefault(key.split(" ")[-1], []).append(curve)
    most = max(map(len, seeds.values()), default=0)
    return {seed: np.mean(curves, axis=0) for seed, curves in seeds.items() if len(curves) == most}


def _row(words: str, curves: dict[str, Floats], plain: dict[str, Floats]) -> str:
    both = sorted(set(curves) & set(plain))
    ours, theirs = (np.stack([which[seed] for seed in both]) for which in (curves, plain))
    cells = [f"{ours[:, n - 1].mean():.3f} {_interval(ours[:, n - 1])}" for n in AFTER]
    rng = np.random.default_rng(0)
    picks = rng.integers(len(both), size=(10_000, len(both)))
    a, b = ours.mean(axis=1), theirs.mean(axis=1)
    low, high = np.quantile(a[picks].mean(axis=1) / b[picks].mean(axis=1) - 1, [0.025, 0.975])
    change = f"{a.mean() / b.mean() - 1:+.0%} [{low:+.0%}, {high:+.0%}]" if ours is not theirs else ""
    return f"| {words} | {len(both)} | " + " | ".join([*cells, f"{a.mean():.3f}", change]) + " |"


def _interval(samples: Floats) -> str:
    rng = np.random.default_rng(0)
    picks = rng.integers(len(samples), size=(10_000, len(samples)))
    low, high = np.quantile(samples[picks].mean(axis=1), [0.025, 0.975])
    return f"[{low:.3f}, {high:.3f}]"


def main() -> None:
    """Run what is missing, and file everything."""
    state, *numbers = sys.argv[1:]
    seeds, synthetic = map(int, numbers or (20, 10))
    path = Path(state)
    done: dict[str, list[float]] = json.loads(path.read_text()) if path.exists() else {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with torch_threads(1):
        for key, task, seed, sources in searches(seeds, synthetic):
            if key not in done:
                done[key] = regret(task, seed, sources)
                path.write_text(json.dumps(done))
    file_result(
        "sampler_evidence",
        command=f"python -m tests.benchmarks.evidence_regret STATE.json {seeds} {synthetic}",
        seed=f"0 to {seeds - 1}" + (f", in synthetic spaces 0 to {synthetic - 1}" if synthetic else ""),
        lines=[
            "Regret with what is known of networks before any is trained. 95 % intervals by bootstrap over",
            "seeds, the change paired by seed. The supernets are the two of supernet_macro.md, in turns by",
            "seed: a sum over layers fitted to about 1,000 networks that were read, as",
            "`nas search --evaluator supernet` does. In the synthetic spaces the true value with errors of",
            "standard deviation 3 takes its place. Constants of the sampler were chosen on seeds from 100 on",
            "at 27.5, 32.5, 37.5, 45, 55 and 65M MACs. The schedule of the supernets was chosen, of two, by",
            "how they rank half of the table's networks, which are among those searched here.",
            "",
            *lines(done),
        ],
    )


if __name__ == "__main__":
    main()
