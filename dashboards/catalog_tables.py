"""Prints published networks and search spaces as terminal tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from dashboards.fitted_table import Column, FittedTable
from dashboards.tables import terminal
from search_spaces.units import format_bytes, format_count


def print_networks(networks: Sequence[Mapping[str, Any]], console: Console | None = None) -> None:
    """Print one row for each published network.

    Args:
        networks: Networks as ``nas networks --json`` lists them.
        console: Output console; by default standard output.
    """
    console = console or terminal()
    if not networks:
        console.print("No published network fits.")
        return
    table = FittedTable(
        [
            Column("network", left=True),
            Column("side", rank=4),
            Column("MACs"),
            Column("params", rank=1),
            Column("peak", rank=2),
            Column("weights", rank=3),
            Column("ImageNet-1k", rank=5),
        ]
    )
    for network in networks:
        costs = network["costs"]
        table.add_row(
            network["name"],
            str(network["resolution"]),
            format_count(costs["macs"]),
            format_count(costs["params"]),
            format_bytes(costs["peak"]),
            format_bytes(costs["weights"]),
            next((f"{result['top1']:.1f}%" for result in network["published"]), ""),
        )
    console.print(table, soft_wrap=True)


def print_spaces(spaces: Sequence[Mapping[str, Any]], console: Console | None = None) -> None:
    """Print one row for each search space.

    Args:
        spaces: Spaces as ``nas spaces --json`` lists them.
        console: Output console; by default standard output.
    """
    table = FittedTable(
        [
            Column("space", left=True),
            Column("networks"),
            Column("side", rank=2),
            Column("MACs", rank=1),
            Column("params", rank=4),
            Column("blocks and mixers", rank=3, left=True),
        ]
    )
    for space in spaces:
        (smallest, largest), (low, high), (fewest, most) = (
            space[name] for name in ("resolution", "macs", "params")
        )
        names = [*space["blocks"], *space["mixers"]]
        table.add_row(
            space["name"],
            format_count(space["networks"]),
            _range(str(smallest), str(largest)),
            _range(format_count(low), format_count(high)),
            _range(format_count(fewest), format_count(most)),
            [*(f"{name}," for name in names[:-1]), *names[-1:]],
        )
    (console or terminal()).print(table, soft_wrap=True)


def _range(low: str, high: str) -> tuple[str, str]:
    """Return a range in two parts, between which a line may be broken."""
    return f"{low} to", high
