"""Draws accuracy against measured latency with the Pareto front."""

from collections import Counter
from typing import TYPE_CHECKING

from dashboards.figures._front import front_figure
from dashboards.findings import Findings
from dashboards.network_filters import latency_on
from dashboards.result import capitalised

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def draw(findings: Findings) -> "Figure | None":
    """Return accuracy against latency on the target with most measured networks, None without any."""
    measured = Counter(on for n in findings.result.networks if n.epochs for on in n.latency_ms or {})
    if not measured:
        return None
    target = measured.most_common(1)[0][0]
    return front_figure(
        findings,
        latency_on(target),
        title=f"{capitalised(findings.result.value_name)} and latency on {target}",
        axis=f"latency per image on {target}, ms",
        shown=lambda ms: f"{ms:.3g} ms",
    )
