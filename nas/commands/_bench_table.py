"""Renders the regrets of compared samplers as a table for a terminal."""

from collections.abc import Mapping
from typing import Any

from dashboards.fitted_table import Column, FittedTable
from nas.tabular.regret import written


def bench_table(report: Mapping[str, Any], baseline: str) -> FittedTable:
    """Return a row for each sampler: its regret, and how much more that is than the baseline's.

    Args:
        report: Report as `nas.tabular.regret.summary` returns it.
        baseline: Name of the sampler that the others are compared with.
    """
    after = report["after"]
    name = baseline
    ranks = range(2 * len(after), 0, -2)  # the last counts most
    table = FittedTable(
        [
            Column("sampler", left=True),
            *(Column(f"regret after {k}", rank=r - 2) for k, r in zip(after, ranks, strict=True)),
            *(
                Column(f"more than {baseline} after {k}", rank=r - 1)
                for k, r in zip(after, ranks, strict=True)
            ),
            Column("seconds a proposal", rank=2),
        ],
        title="Regret in points, mean over budgets and seeds with its 95 % interval; less is better",
    )
    for name, row in report["samplers"].items():
        regrets = [written(found) for found in row["regret"]]
        more = [written(found, sign="+") for found in row["more_than_" + baseline]]
        if name == baseline:
            more = [""] * len(more)
        table.add_row(name, *regrets, *more, f"{row['seconds_a_proposal']:.3f}")
    return table
