"""Draws the values that a study lets expect of the best network within each budget, with 90 % intervals."""

from typing import TYPE_CHECKING

from dashboards.explanation import Explanation
from dashboards.figures._style import styled
from dashboards.metric_names import metric_name
from dashboards.palette import SERIES

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def draw(explanation: Explanation) -> "Figure | None":
    """Return the expected value over MACs of the best network within each budget; None without budgets."""
    expectations = explanation.expected
    if expectations is None:
        return None
    from plotly.graph_objects import Figure, Scatter  # noqa: PLC0415 -- seconds of imports

    best = sorted(expectations.best, key=lambda network: network.costs["macs"])
    figure = Figure(
        Scatter(
            x=[n.costs["macs"] / 1e6 for n in best],
            y=[100 * n.mean for n in best],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (n.high - n.mean) for n in best],
                "arrayminus": [100 * (n.mean - n.low) for n in best],
                "thickness": 1,
                "width": 3,
            },
            mode="lines+markers",
            line={"color": SERIES[0], "dash": "dot"},
            marker={"color": SERIES[0], "size": 8, "symbol": "circle-open"},
            customdata=[n.budget for n in best],
            hovertemplate="within %{customdata}: %{y:.2f} expected<extra></extra>",
            name="expected best, 90 % interval",
        )
    )
    title = f"Expected of {expectations.study}, not measured"
    return styled(figure, title, x="M MACs", y=f"expected {metric_name(expectations.metric)}, %")
