"""Draws measured against predicted latency, to check the latency predictor."""

from typing import TYPE_CHECKING, Final

from dashboards.figures._style import styled
from dashboards.findings import Findings
from dashboards.palette import PLAIN, SERIES

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_MOST: Final = 1000  # points per target


def draw(findings: Findings) -> "Figure | None":
    """Return measured against predicted latency, None if no network has both."""
    from plotly.graph_objects import Figure, Scatter  # noqa: PLC0415 -- seconds of imports

    pairs: dict[str, list[tuple[int, float, float, float]]] = {}
    for network in findings.result.networks:
        for target, (mean_ms, stddev_ms) in (network.predicted_ms or {}).items():
            measured = (network.latency_ms or {}).get(target)
            if measured is not None:
                pairs.setdefault(target, []).append((network.trial, mean_ms, stddev_ms, measured))
    if not pairs:
        return None
    figure = Figure()
    for colour, target in zip(SERIES, sorted(pairs), strict=False):
        shown = pairs[target][:: -(-len(pairs[target]) // _MOST)]
        inside = sum(abs(measured - mean) <= 2 * stddev for _, mean, stddev, measured in shown)
        figure.add_trace(
            Scatter(
                x=[mean for _, mean, _, _ in shown],
                y=[measured for *_, measured in shown],
                error_x={
                    "type": "data",
                    "array": [2 * s for _, _, s, _ in shown],
                    "thickness": 1,
                    "width": 0,
                },
                mode="markers",
                name=f"{target}: {inside} of {len(shown)} within two standard deviations",
                marker={"color": colour, "size": 7},
                customdata=[trial for trial, *_ in shown],
                hovertemplate="#%{customdata}: predicted %{x:.3g} ms, measured %{y:.3g} ms<extra></extra>",
            )
        )
    ends = [f(ms) for f in (min, max) for ms in [[m for t in pairs.values() for *_, m in t]]]
    figure.add_trace(
        Scatter(
            x=ends, y=ends, mode="lines", line={"color": PLAIN, "dash": "dot"}, name="measured = predicted"
        )
    )
    return styled(figure, "Predicted and measured latency", x="predicted, ms", y="measured, ms")
