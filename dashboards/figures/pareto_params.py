"""Draws accuracy against parameters with the Pareto front."""

from typing import TYPE_CHECKING

from dashboards.figures._front import front_figure
from dashboards.findings import Findings
from dashboards.result import capitalised
from search_spaces.units import format_count

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def draw(findings: Findings) -> "Figure | None":
    """Return accuracy against parameters, with published networks on the axis."""
    return front_figure(
        findings,
        lambda network: network.costs["params"],
        title=f"{capitalised(findings.result.value_name)} and parameters",
        axis="parameters",
        shown=lambda params: f"{format_count(params)} parameters",
        reference=lambda reference: reference.costs["params"],
    )
