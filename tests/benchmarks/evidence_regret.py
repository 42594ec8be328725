"""What sources of evidence save a search, and what misleading ones cost it. Goes on where it stopped.

Run: ``python -m tests.benchmarks.evidence_regret STATE.json [SEEDS SEEDS_SYNTHETIC]``. Each finished search
is kept in the file; at the end, and with 0 seeds at once, what there is so far is filed under results/.

On NAS-Bench-Macro the searches are those of `test_sampler_regret.py`: seven budgets, the value of a trial is
one training seed drawn at random, regret is of the mean accuracy. There is no supernet in it: a *stand-in*
of stated quality takes its place, one training seed's accuracy plus errors, half of them independent, half
a random function of single layers and pairs of layers, such that its Kendall rank correlation with the mean
accuracy of networks of 45M to 50M MACs is .60. Each seed has a stand-in of its own.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy.stats import kendalltau

from nas.bayesopt.counts import count_sources
from nas.bayesopt.problem import Params, Source
from nas.samplers import SAMPLERS
from nas.tabular.replay import replay
from nas.tabular.table import Table, load
from nas.tabular.task import Task
from tests.benchmarks.filing import file_result
from tests.benchmarks.synthetic_spaces import factors_and_interactions, wrong_structure
from trials.torch_threads import torch_threads

MACRO: Final = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
BUDGETS_M: Final = (25, 30, 35, 40, 50, 60, None)
BAND: Final = (45e6, 50e6)
TAU: Final = 0.6
AFTER: Final = (5, 10, 15, 20)
TRIALS: Final = AFTER[-1]

Floats = NDArray[np.float64]
Maker = Callable[[int], Sequence[Source]]

KINDS: Final = {
    "none": "nothing",
    "counts": "counts",
    "all": "counts and the stand-in",
    "shuffled": "counts and the stand-in, each shuffled",
    "negated": "counts and the stand-in, that negated",
}


@cache
def table() -> Table:
    """Return NAS-Bench-Macro."""
    return load(MACRO)


@cache
def stand_in(seed: int) -> Floats:
    """Return what a supernet of the stated quality could expect of each network of the table, ``[n]``."""
    t, rng = table(), np.random.default_rng(np.random.SeedSequence([seed, 77]))
    band = (t.costs["macs"] >= BAND[0]) & (t.costs["macs"] <= BAND[1])
    layers = np.stack([t.points == choice for choice in range(3)], axis=2).reshape(len(t.points), -1)
    layers = layers - layers.mean(axis=0)
    n = layers.shape[1]
    pairs = np.einsum("ni,ij,nj->n", layers, rng.standard_normal((n, n)), layers)
    structured = layers @ rng.standard_normal(n) + 0.3 * pairs
    errors = (rng.standard_normal(len(layers)) + structured / structured.std()) / 2**0.5
    single = t.values[:, seed % t.values.shape[1]]
    low, high = 0.0, 5.0
    for _ in range(25):
        size = (low + high) / 2
        ranked = kendalltau((single + size * errors)[band], t.means[band]).statistic
        low, high = (size, high) if ranked > TAU else (low, size)
    return np.asarray(single + low * errors)


def column(name: str, values: Floats, *, of_value: bool) -> Source:
    """Return a column of the table as a source."""
    return Source(
        name=name, expects=lambda points: values[[table().row(p) for p in points]], of_value=of_value
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
    found = [(name, values, False) for name, values in counts.items()]
    found.append(("stand-in", -stand_in(seed) if kind == "negated" else stand_in(seed), True))
    if kind == "shuffled":
        found = [(name, rng.permutation(values), claims) for name, values, claims in found]
    return [column(name, values, of_value=claims) for name, values, claims in found]


def synthetic_sources(task: Task, kind: str, seed: int) -> list[Source]:
    """Return the sources of a search in a synthetic space: counts, and the true value with errors."""
    known = task.known_constraints_batch
    assert known is not None
    depths = [name for name in task.distributions if name.startswith("depth")]

    def counts(points: Sequence[Params]) -> dict[str, Floats]:
        each = {name: np.array([float(p[name]) for p in points]) for name in depths}
        log_cost = np.log(np.maximum(known(points)[:, 0] + 20.0, 1e-3))
        return {"log_cost": log_cost, "depth": np.sum(list(each.values()), axis=0), **each}

    def noisy(points: Sequence[Params]) -> Floats:
        errors = [
            np.random.default_rng([seed, *repr(sorted(p.items())).encode()]).standard_normal() for p in points
        ]
        return np.array([task.truth(p) for p in points]) + 3.0 * np.array(errors)

    found = list(count_sources(["log_cost", "depth", *depths], counts)) if kind != "none" else []
    return [*found, Source(name="stand-in", expects=noisy, of_value=True)] if kind == "all" else found


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
    """Return the regret after each trial of one search that knows these sources alone."""
    alone = replace(task, evidence=())
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
            "seeds, the change paired by seed. The stand-in for a supernet is a column of the table with",
            f"errors, of Kendall {TAU:.2f} with the mean accuracy between 45M and 50M MACs: a simulation, no",
            "supernet.",
            "In the synthetic spaces it is the true value with errors of standard deviation 3.",
            "",
            *lines(done),
        ],
    )


if __name__ == "__main__":
    main()
