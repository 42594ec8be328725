"""Draws learning curves: accuracy after each epoch of the best, running and early-stopped networks."""

from typing import TYPE_CHECKING, Final

from dashboards.figures._style import styled
from dashboards.findings import Findings
from dashboards.palette import BEST, CONVOLUTION, FAINT

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_WHOLE: Final = 30
_EARLY: Final = 60


def draw(findings: Findings) -> "Figure | None":
    """Return the curves of the best networks, the running ones and a sample of those stopped early."""
    from plotly.graph_objects import Figure, Scatter  # noqa: PLC0415 -- seconds of imports

    seen = [n for n in findings.result.networks if n.curve]
    if not seen:
        return None
    whole = [n for n in seen if n.state == "complete"][:_WHOLE]
    early = [n for n in seen if n.state == "pruned"]
    running = [n for n in seen if n.state == "running"]
    best = findings.result.best
    figure = Figure()
    for networks, colour, name in (
        (early[:: max(1, len(early) // _EARLY)], FAINT, "stopped early"),
        ([n for n in whole if n != best], CONVOLUTION, "trained to the end"),
        (running, "#E69F00", "running"),
        ([best] if best is not None else [], BEST, "best"),
    ):
        for index, network in enumerate(networks):
            figure.add_trace(
                Scatter(
                    x=[e.epoch for e in network.curve],
                    y=[e.accuracy for e in network.curve],
                    mode="lines+markers" if len(network.curve) < 20 else "lines",
                    name=name,
                    legendgroup=name,
                    showlegend=index == 0,
                    line={"color": colour, "width": 3 if name == "best" else 1.5},
                    marker={"size": 5},
                    opacity=1.0 if name in {"best", "running"} else 0.7,
                    hovertemplate=f"#{network.trial}: %{{y:.2%}} after %{{x}} epochs<extra></extra>",
                )
            )
    return styled(
        figure,
        "Learning curves",
        x="epoch",
        y=f"validation {findings.result.metric_name}",
        yaxis_tickformat=".0%",
        xaxis_dtick=None,
    )
