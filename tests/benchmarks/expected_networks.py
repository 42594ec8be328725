"""How well networks expected best within other budgets keep what is expected of them, on NAS-Bench-Macro.

Run: ``python -m tests.benchmarks.expected_networks [SEEDS]``; files the result. Networks of one budget are
trained (one training seed of the table each, drawn uniformly among those that fit), the surrogate is fitted
to them, and the network expected best within each other budget is compared with the table's mean accuracy:
whether it lies in the 90 % interval, and how far it is below the best network of that budget. Beside it, the
same of the largest network within the budget, of the one with the most blocks that do something (the larger
of equals), and of a network drawn uniformly.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.feasible_region import Region, region_of
from nas.bayesopt.grid import Rows
from nas.bayesopt.problem import Problem
from nas.bayesopt.region_surrogate import surrogate_of
from nas.explanation.evidence import Evidence
from nas.explanation.expected_networks import expected_best
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.table import Table, load
from tests.benchmarks.filing import file_result

MACRO: Final = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
TRAINED_M: Final = (35, 50)
BUDGETS_M: Final = (25, 30, 35, 40, 50, 60)
TRAINED: Final = 30
Z: Final = 1.645

Floats = NDArray[np.float64]


def region_within(table: Table, limit: float | None) -> Region:
    """Return the networks of the table of at most some MACs."""
    task = table.task(limit)
    return region_of(
        Problem(distributions=task.distributions, known_constraints_batch=task.known_constraints_batch)
    )


def evidence_of(
    table: Table, limit: float, seed: int
) -> tuple[Evidence, Callable[[Rows], NDArray[np.int64]]]:
    """Return trained networks of at most some MACs, and the function from rows to those of the table."""
    rng = np.random.default_rng([seed, int(limit)])
    region = region_within(table, limit)

    def at(rows: Rows) -> NDArray[np.int64]:
        return np.array([table.row(point) for point in region.points(rows)])

    rows = region.draw(rng, TRAINED)
    trainings = table.values[at(rows)]
    values = trainings[np.arange(TRAINED), rng.integers(trainings.shape[1], size=TRAINED)] / 100
    evidence = Evidence(
        study="simulated",
        space=table.name,
        budgets=(),
        region=region,
        surrogate=surrogate_of(region, seed),
        rows=rows,
        values=values,
        fidelity=np.ones(TRAINED),
        trials=np.arange(TRAINED),
        canonical=lambda given: given,
        macs=lambda given: table.costs["macs"][at(given)],
        within=lambda _: region,
    )
    return evidence, at


def judged(table: Table, limit: float, seed: int) -> list[dict[str, Any]]:
    """Return for each budget the regret and the coverage of what is expected best, and baselines' regret."""
    evidence, at = evidence_of(table, limit, seed)
    posterior = evidence.fitted()
    rng = np.random.default_rng([seed, 1])
    true, macs, blocks = table.means / 100, table.costs["macs"], table.counts["blocks"]
    found = []
    for budget in BUDGETS_M:
        region = region_within(table, budget * 1e6)
        rows, mean, deviation = expected_best(evidence, posterior, region, 5, rng)
        fits = np.flatnonzero(macs <= budget * 1e6)
        best, reached = true[fits].max(), true[at(rows)]
        inside = np.abs(reached - mean) <= Z * deviation
        found.append(
            {
                "budget": budget,
                "regret": 100 * (best - reached[0]),
                "first": bool(inside[0]),
                "five": float(inside.mean()),
                "half_width": 100 * Z * float(deviation[0]),
                "bias": 100 * float(mean[0] - reached[0]),
                "macs": 100 * (best - true[fits[macs[fits].argmax()]]),
                "blocks": 100 * (best - true[max(fits, key=lambda i: (blocks[i], macs[i]))]),
                "random": 100 * (best - true[fits].mean()),
            }
        )
    return found


def main(seeds: int) -> None:
    """Judge every budget at every seed, and file the table."""
    table = load(MACRO)
    lines = [
        f"NAS-Bench-Macro, {TRAINED} trained networks, {seeds} seeds. Regret of what is expected best and of "
        "baselines in points of accuracy (± 1.96 standard errors), coverage of nominal 90 % intervals.",
        "",
        "| trained within | proposed within | regret | largest MACs | most blocks | random | covered: best "
        "| covered: best five | half width | expected - true |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    with torch_threads(1):
        for limit in TRAINED_M:
            runs = [judged(table, limit * 1e6, seed) for seed in range(seeds)]
            for number, budget in enumerate(BUDGETS_M):
                lines.append(_line(limit, budget, [run[number] for run in runs]))
            lines.append(_line(limit, "all", [one for run in runs for one in run]))
    command = f"python -m tests.benchmarks.expected_networks {seeds}"
    file_result("expected_networks", command=command, seed=f"0 to {seeds - 1}", lines=lines)
    sys.stdout.write("\n".join(lines) + "\n")


def _line(limit: int, budget: int | str, found: list[dict[str, Any]]) -> str:
    def mean(name: str) -> float:
        return float(np.mean([one[name] for one in found]))

    error = 1.96 * float(np.std([one["regret"] for one in found], ddof=1)) / len(found) ** 0.5
    cells = [
        f"{limit}M",
        f"{budget}M" if isinstance(budget, int) else budget,
        f"{mean('regret'):.2f} ± {error:.2f}",
        *(f"{mean(name):.2f}" for name in ("macs", "blocks", "random")),
        *(f"{mean(name):.0%}" for name in ("first", "five")),
        f"{mean('half_width'):.2f}",
        f"{mean('bias'):+.2f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
