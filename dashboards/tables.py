"""Prints searches and studies as terminal tables or as JSON."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from dashboards.fitted_table import Cell, Column, FittedTable
from dashboards.result import SearchResult, TrialResult
from search_spaces.costs import format_cost, label_of
from search_spaces.units import format_accuracy, format_bytes

_SHOWN = 10
_PIPE_WIDTH = 160
_COSTS = ("macs", "params", "peak")
_STATES = {"complete": "", "pruned": "stopped early", "fail": "failed", "running": "running"}


def print_search(
    result: SearchResult, *, as_json: bool, finished: bool, console: Console | None = None
) -> None:
    """Print a search with its best networks.

    Args:
        result: The search so far.
        as_json: Whether JSON is printed instead of a table.
        finished: Whether the search just ended, so that the next commands are shown.
        console: Output console; by default standard output.
    """
    console = console or terminal()
    if as_json:
        print_json(result.to_json(), console)
        return
    console.print(networks_table(result), soft_wrap=True)
    if result.best is None:
        console.print(_no_best(result))
    lines = [
        ("Trained", f"{result.trained} networks of {result.space} on {result.data}, seed {result.seed}"),
        ("Study", f"{result.study} in {result.storage}"),
        ("Files", result.folder),
    ]
    if result.overhead is not None:
        lines.append(("Overhead", f"{result.overhead:.1%} of the slots' time was not spent on training"))
    for name, text in lines:
        console.print(f"{name:<10}{text}", markup=False, soft_wrap=True)
    if finished and result.best is not None:
        study = shlex.quote(result.study)
        console.print(f"\nWatch:    nas dashboard {study}", markup=False, soft_wrap=True)
        console.print(f"Export:   nas export {study} --to my_net", markup=False, soft_wrap=True)


def print_json(data: Any, console: Console | None = None) -> None:
    """Print plain data as JSON, for programs."""
    (console or terminal()).print(json.dumps(data, indent=2), markup=False, soft_wrap=True)


def networks_table(result: SearchResult, *, most: int = _SHOWN) -> FittedTable:
    """Return a table of the best networks of a search.

    Args:
        result: The search so far.
        most: Maximum number of rows.
    """
    costs = _shown_costs(result)
    budgeted = {budget.resource for budget in result.budgets}
    timed = any(not budget.counted for budget in result.budgets)
    table = FittedTable(
        [
            Column("network", left=True),
            Column(result.metric.replace("_", " ")),
            Column("epochs", rank=4),
            *(Column(label_of(name), rank=1 if name in budgeted else 5) for name in costs),
            Column("latency", rank=1 if timed else 6),
            Column("", rank=2, left=True, breaks=True),
        ],
        title=_title(result),
    )
    for network in result.networks[:most]:
        table.add_row(*_row(network, costs), style="bold" if network is result.best else None)
    return table


def _title(result: SearchResult) -> str:
    """Return which networks a table shows: those of the budgets of the search, or of a filter."""
    budgets = " and ".join(map(str, result.fits or result.budgets))
    return f"{result.study}: {'Pareto front' if result.pareto else 'best networks'} within {budgets}"


def _no_best(result: SearchResult) -> str:
    """Return in words that no network is the best one."""
    if result.fits and not result.networks:
        return f"No network of this search is known to be within {' and '.join(map(str, result.fits))}."
    return "No network that fits has been trained to the end yet."


def print_studies(studies: Sequence[Mapping[str, Any]], *, console: Console | None = None) -> None:
    """Print the searches of a storage.

    Args:
        studies: Studies by field name, see `nas.administration.study_admin.StudySummary`.
        console: Output console; by default standard output.
    """
    console = console or terminal()
    table = FittedTable(
        [
            Column("study", left=True),
            Column("budget", rank=2, left=True),
            Column("trained", rank=3),
            Column("best", rank=1),
            Column("begun", rank=4),
            Column("disk", rank=5),
        ]
    )
    for study in studies:
        table.add_row(
            study["study"],
            study["budgets"],
            f"{study['trained']}" + (f" + {study['running']}" if study["running"] else ""),
            "-" if study["accuracy"] is None else f"{study['accuracy']:.2%}",
            (study["begun"] or "-").replace("T", " "),
            format_bytes(study["disk_bytes"]),
        )
    console.print(table, soft_wrap=True)


def _shown_costs(result: SearchResult) -> list[str]:
    """Return the costs that the table of a search has columns for: three, and those it has budgets on."""
    budgeted = [budget.resource for budget in result.budgets if budget.counted]
    return list(dict.fromkeys([*_COSTS, *budgeted]))


def _row(network: TrialResult, costs: Sequence[str]) -> list[Cell]:
    accuracy = "-"
    if network.accuracy is not None:
        accuracy = format_accuracy(network.accuracy, network.standard_error)
    latencies = [f"{ms:.3g} ms {target}" for target, ms in (network.latency_ms or {}).items()]
    return [
        f"#{network.trial}",
        accuracy,
        str(network.epochs),
        *(format_cost(name, network.costs[name]) if name in network.costs else "-" for name in costs),
        [*(f"{latency}," for latency in latencies[:-1]), *latencies[-1:]] or "-",
        _ending(network),
    ]


def _ending(network: TrialResult) -> str:
    """Return why a network is not usable, or its accuracy after a longer training, in words."""
    if not network.epochs and network.state == "pruned":
        return network.reason or "not trained"
    state = _STATES.get(network.state, network.state)
    if network.retrained_accuracy is not None and network.fits:
        longer = format_accuracy(network.retrained_accuracy, network.retrained_error or 0.0)
        return f"{longer} retrained"
    return state if network.fits else f"{state} over budget".strip()


def terminal() -> Console:
    """Return standard output as a console, wide enough for tables where it is a pipe or a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)
