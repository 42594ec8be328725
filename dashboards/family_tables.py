"""Prints a family of scaled networks as a terminal table."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from dashboards.fitted_table import Column, FittedTable
from dashboards.tables import terminal
from search_spaces.units import format_bytes, format_count


def print_family(name: str, networks: Sequence[Mapping[str, Any]], console: Console | None = None) -> None:
    """Print one row for each network of a family.

    Args:
        name: Name of the network that was scaled.
        networks: Scaled networks as ``nas scale --json`` lists them.
        console: Output console; by default standard output.
    """
    table = FittedTable(
        [
            Column("budget", left=True),
            Column("used", rank=2),
            Column("rule", rank=5, left=True),
            Column("side", rank=1),
            Column("channels", rank=3, left=True, breaks=True),
            Column("depths", rank=4, left=True, breaks=True),
            Column("MACs"),
            Column("params", rank=6),
            Column("peak", rank=7),
        ],
        title=f"{name}, scaled",
    )
    for network in networks:
        stages, costs = network["architecture"]["stages"], network["costs"]
        table.add_row(
            network["budget"],
            f"{network['share']:.2%}",
            network["rule"],
            str(network["resolution"]),
            " ".join(str(stage["channels"]) for stage in stages),
            " ".join(str(stage["depth"]) for stage in stages),
            format_count(costs["macs"]),
            format_count(costs["params"]),
            format_bytes(costs["peak"]),
        )
    (console or terminal()).print(table, soft_wrap=True)
