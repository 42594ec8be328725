"""Sampler against sampler, on real tables and on synthetic spaces; files what it finds.

Every observation is one training seed drawn at random; regret is of the mean accuracy. Proposals
over a budget cost no method a trial. Peers are Optuna's own, kept within the budget and from
repeating themselves by the same wrapper, their random start-up included.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from nas.samplers import SAMPLERS
from nas.tabular.plot import regret_figure
from nas.tabular.regret import Results, markdown, per_seed, summary
from nas.tabular.replay import Runs, compare, replay
from nas.tabular.table import load
from nas.tabular.task import Task
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.synthetic_spaces import factors_and_interactions, wrong_structure

MACRO = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
BUDGETS_M = (25, 30, 35, 40, 50, 60, None)
SAMPLER_NAMES = ("factor_gp", "gp", "tpe", "nsga2", "evolution", "random")
SEEDS, TRIALS, AFTER = 20, 30, (10, 20, 30)

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def macro() -> list[Task]:
    if not MACRO.exists():
        pytest.skip("NAS-Bench-Macro is not at ../shared/data/nas-bench-macro")
    table = load(MACRO)
    return [table.task(budget * 1e6 if budget else None) for budget in BUDGETS_M]


def instances(make: Callable[[int], Task], trials: int) -> Results:
    """Return runs on one instance a seed, so that intervals cover the choice of the space too."""
    results: dict[str, dict[str, Runs]] = {}
    for name in SAMPLER_NAMES:
        runs = [replay(make(seed), SAMPLERS[name], [seed], trials) for seed in range(SEEDS)]
        results[name] = {
            make.__name__: Runs(
                np.concatenate([run.regret for run in runs]),
                sum(run.over_budget for run in runs),
                sum(run.repeated for run in runs),
                float(np.mean([run.seconds for run in runs])),
            )
        }
    return results


def file(results: Results, name: str, after: tuple[int, ...], what: str) -> dict[str, Any]:
    """Write a summary as Markdown and JSON, and a plot as HTML; return the summary."""
    report = summary(results, "factor_gp", after)
    lines = [f"{what} Regret in points, 95 % intervals, differences paired by seed.", ""]
    file_result(
        name,
        command="pytest -m benchmark tests/benchmarks/test_sampler_regret.py",
        seed=f"0 to {SEEDS - 1}",
        lines=[*lines, *markdown(report, "factor_gp").splitlines()],
    )
    (RESULTS / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    regret_figure(results, what).write_html(RESULTS / f"{name}.html", include_plotlyjs="cdn")
    return report


def test_fewer_trainings_than_every_peer_on_nas_bench_macro() -> None:
    results = compare(macro(), SAMPLER_NAMES, range(SEEDS), TRIALS)
    what = "NAS-Bench-Macro, seven budgets; factor_gp has exact counts as evidence, as in a search."
    report = file(results, "sampler_nas_bench_macro", AFTER, what)
    ours = per_seed(results["factor_gp"])
    assert ours[:, 29].mean() <= 0.03
    rows = report["samplers"]
    for name in SAMPLER_NAMES[1:]:
        assert all(low > 0 for _, low, _ in rows[name]["more_than_factor_gp"]), name
    assert all(row["over_budget"] == row["repeated"] == 0 for row in rows.values())


def test_four_workers_cost_little() -> None:
    tasks = macro()
    one, four = (
        per_seed(compare(tasks, ["factor_gp"], range(SEEDS), TRIALS, workers)["factor_gp"])
        for workers in (1, 4)
    )
    # A quarter more is the goal; the rest is the standard error of the difference, about .006.
    assert four[:, 29].mean() <= 1.25 * one[:, 29].mean() + 0.02


@pytest.mark.parametrize("make", [factors_and_interactions, wrong_structure])
def test_it_stays_ahead_in_mixed_spaces(make: Callable[[int], Task]) -> None:
    results = instances(make, 40)
    name = f"sampler_synthetic_{make.__name__}"
    report = file(results, name, (10, 20, 40), f"{make.__doc__}".splitlines()[0])
    rows = report["samplers"]
    assert all(rows[peer]["more_than_factor_gp"][2][0] > 0 for peer in SAMPLER_NAMES[1:])
