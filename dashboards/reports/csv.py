"""Report format csv: all networks of a search as one table."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from dashboards.findings import Findings
from dashboards.result import TrialResult
from search_spaces.costs import column_of, cost_names


def write_csv(networks: Sequence[TrialResult], file: TextIO, studies: Sequence[str] = ()) -> None:
    """Write a header and one line for each network, in the given order.

    Args:
        networks: Networks to write.
        file: Text file, opened for writing with ``newline=""``.
        studies: Study of each network, for a column of its own; none for no such column.
    """
    targets = sorted({target for n in networks for target in n.latency_ms or {}})
    quantised = any(n.int8_drop is not None for n in networks)
    budgets = list(dict.fromkeys(budget for n in networks for budget in n.excess or {}))
    names = [
        *("trial", "state", "accuracy", "standard_error", "epochs", "fits"),
        *map(column_of, cost_names()),
        *(f"latency_ms@{target}" for target in targets),
        *(f"excess {budget}" for budget in budgets),
        *("seconds", "reason", "architecture"),
        *("metric", "split", "weights", "posterior_mean", "posterior_sd", "ranked_by"),
        *(["fp32_accuracy", "int8_drop"] if quantised else []),
    ]
    table = csv.writer(file, lineterminator="\n")
    table.writerow([*(["study"] if studies else []), *names])
    for place, network in enumerate(networks):
        first = [studies[place]] if studies else []
        last = [network.fp32_accuracy, network.int8_drop] if quantised else []
        table.writerow([*first, *_row(network, targets, budgets), *last])


def _row(network: TrialResult, targets: list[str], budgets: list[str]) -> list[Any]:
    costs, first = network.costs, next(iter(network.scores), None)
    latency, excess = network.latency_ms or {}, network.excess or {}
    return [
        *(network.trial, network.state, network.accuracy, network.standard_error, network.epochs),
        int(network.fits),
        *(costs.get(name) for name in cost_names()),
        *(latency.get(target) for target in targets),
        *(excess.get(budget) for budget in budgets),
        *(network.seconds, network.reason, network.architecture.to_json()),
        *((first.metric, first.split, first.weights) if first is not None else (None, None, None)),
        *(network.posterior_mean, network.posterior_sd, network.ranked_by),
    ]


def REPORT(findings: Findings, path: Path) -> tuple[Path, ...]:  # noqa: N802 -- found by this name
    """Write all networks to `path` and return it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        write_csv(findings.result.networks, file)
    return (path,)
