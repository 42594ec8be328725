"""Prints the networks that a study lets expect best, as a terminal table or as JSON."""

import json

from rich.console import Console

from dashboards.expectation import Expectations, ExpectedNetwork
from dashboards.fitted_table import Column, FittedTable
from dashboards.metric_names import metric_name
from dashboards.tables import terminal
from search_spaces.costs import format_cost, label_of
from search_spaces.options import depth_with_parts, kind_of
from search_spaces.units import counted

_COSTS = ("macs", "params", "peak")


def print_expectations(found: Expectations, *, as_json: bool, console: Console | None = None) -> None:
    """Print the networks expected best within each budget, with intervals.

    Args:
        found: What a study lets expect.
        as_json: Whether JSON, which holds the architectures, is printed instead of a table.
        console: Output console; by default standard output.
    """
    console = console or terminal()
    if as_json:
        console.print(json.dumps(found.to_json(), indent=2), markup=False, soft_wrap=True)
        return
    for line in (grounds(found), found.verdict):
        console.print(line, markup=False, soft_wrap=True)
    console.print(expectations_table(found), soft_wrap=True)


def grounds(found: Expectations) -> str:
    """Return what the expectations rest on, and that nothing was measured, in a sentence."""
    return (
        f"Expected, not measured: from {found.trained} trained networks of {found.study}, on {found.data} by "
        f"recipe {found.recipe}. No network was trained for this; costs are exact."
    )


def expectations_table(found: Expectations) -> FittedTable:
    """Return a table of the networks expected best within each budget, with intervals."""
    warned = any(network.warning for network in found.networks)
    table = FittedTable(
        [
            Column("within", left=True),
            Column(f"expected {metric_name(found.metric)}, 90 % interval", left=True),
            *(Column(label_of(name), rank=1 + place) for place, name in enumerate(_COSTS)),
            Column("network", rank=5, left=True, breaks=True),
            *([Column("not supported", rank=4, left=True, breaks=True)] if warned else []),
        ]
    )
    for network in found.networks:
        value = (f"{network.mean:.2%}", f"[{network.low:.2%}, {network.high:.2%}]")
        costs = (format_cost(name, network.costs[name]) for name in _COSTS)
        cells = [network.budget, value, *costs, _described(network)]
        table.add_row(*cells, *([network.warning or ""] if warned else []))
    return table


def _described(network: ExpectedNetwork) -> str:
    """Return a network in words: its resolution and blocks, and the trial that trained it."""
    runs = [run for stage in network.architecture.stages for run in stage.runs]
    kinds = [kind_of(run.mixer) for run in runs for _ in range(depth_with_parts(run))]
    blocks = f"{counted(len(kinds), 'block')}, {kinds.count('attention')} of attention"
    trained = f", trained as {network.study or ''}#{network.trial}" if network.trial is not None else ""
    return f"{network.architecture.resolution} px, {blocks}{trained}"
