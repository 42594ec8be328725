"""What a search gains from an earlier study on NAS-Bench-Macro, and what a misleading one costs it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from nas.bayesopt.problem import Problem, TransferSource
from nas.samplers import SAMPLERS
from nas.tabular.regret import interval
from nas.tabular.replay import replay
from nas.tabular.table import Table, load
from tests.benchmarks.filing import file_result

MACRO = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
FROM, TO, EARLIER, TRIALS, SEEDS = 50e6, 35e6, 60, 20, 20

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def above(table: Table) -> Callable[..., Any]:
    def known(points):
        return np.array([[FROM - table.costs["macs"][table.row(point)]] for point in points])

    return known


@cache
def studied(table_path: Path, sampler: str, seed: int) -> TransferSource:
    """Return a study of `EARLIER` networks above 50M MACs."""
    table = load(table_path)
    task = table.task()
    problem = Problem(
        distributions=task.distributions, seed=1000 + seed, known_constraints_batch=above(table)
    )
    study = optuna.create_study(direction="maximize", sampler=SAMPLERS[sampler](problem))
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    points, values = [], []
    for _ in range(EARLIER):
        trial = study.ask(dict(task.distributions))
        points.append(dict(trial.params))
        values.append(task.observe(trial.params, rng))
        study.tell(trial, values[-1])
    return TransferSource(
        points=points,
        values=np.array(values),
        fidelity=np.ones(EARLIER),
        networks=np.arange(EARLIER),
        known_constraints_batch=above(table),
    )


def changed(earlier: TransferSource, values) -> TransferSource:
    return TransferSource(
        points=earlier.points,
        values=values,
        fidelity=earlier.fidelity,
        networks=earlier.networks,
        known_constraints_batch=earlier.known_constraints_batch,
    )


def shuffled(earlier: TransferSource, seed: int) -> TransferSource:
    return changed(earlier, np.random.default_rng([seed, 3]).permutation(earlier.values))


def test_an_earlier_study_saves_regret_and_a_misleading_one_costs_little():
    if not MACRO.exists():
        pytest.skip("NAS-Bench-Macro is not at ../shared/data/nas-bench-macro")
    task, make = load(MACRO).task(TO), SAMPLERS["factor_gp"]
    sources: dict[str, Callable[[int], list[TransferSource]]] = {
        "nothing": lambda _: [],
        "a search above 50M MACs": lambda s: [studied(MACRO, "factor_gp", s)],
        "that search, values shuffled": lambda s: [shuffled(studied(MACRO, "factor_gp", s), s)],
        "that search, values negated": lambda s: [
            changed(studied(MACRO, "factor_gp", s), -studied(MACRO, "factor_gp", s).values)
        ],
    }
    regrets = {
        name: replay(task, make, range(SEEDS), TRIALS, evidence=earlier).regret.mean(axis=1)
        for name, earlier in sources.items()
    }
    alone = regrets["nothing"]
    rng = np.random.default_rng(0)
    picks = rng.integers(SEEDS, size=(10_000, SEEDS))
    lines = [
        f"Mean regret in points over the first {TRIALS} trials of a search at most 35M MACs in "
        f"NAS-Bench-Macro that learns from {EARLIER} networks above 50M MACs; {SEEDS} seeds, paired, 95 % "
        f"intervals (the change's by bootstrap over seeds).",
        "",
        "| learns from | mean regret | change |",
        "| --- | --- | --- |",
    ]
    change = {}
    for name, regret in regrets.items():
        mean, low, high = interval(regret)
        change[name] = regret.mean() / alone.mean() - 1
        ends = np.quantile(regret[picks].mean(axis=1) / alone[picks].mean(axis=1) - 1, [0.025, 0.975])
        band = f"[{ends[0]:+.0%}, {ends[1]:+.0%}]"
        lines.append(f"| {name} | {mean:.3f} [{low:.3f}, {high:.3f}] | {change[name]:+.0%} {band} |")
    file_result(
        "learning_from_earlier",
        command="pytest -m benchmark tests/benchmarks/test_learning_from.py",
        seed=f"0 to {SEEDS - 1}",
        lines=lines,
    )
    assert change["a search above 50M MACs"] <= -0.4
    assert change["that search, values shuffled"] <= 0.1
