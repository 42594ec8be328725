"""Draws accuracy against multiply-accumulates (MACs) with the Pareto front."""

from typing import TYPE_CHECKING

from dashboards.figures._front import front_figure
from dashboards.findings import Findings
from dashboards.result import capitalised
from search_spaces.units import format_count

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def draw(findings: Findings) -> "Figure | None":
    """Return accuracy against MACs, with published networks on the axis."""
    return front_figure(
        findings,
        lambda network: network.costs["macs"],
        title=f"{capitalised(findings.result.value_name)} and MACs",
        axis="MACs",
        shown=lambda macs: f"{format_count(macs)} MACs",
        reference=lambda reference: reference.costs["macs"],
    )
