"""Accuracy by trial."""

from plotly.graph_objects import Figure, Scatter

from dashboards.findings import Findings


def draw(findings: Findings) -> Figure | None:
    """Return the accuracy of each network."""
    networks = findings.result.networks
    return Figure(Scatter(x=[n.trial for n in networks], y=[n.accuracy for n in networks]))
