"""Applies the common plotly style: template, fonts, margins, legend, axis titles."""

from typing import TYPE_CHECKING, Any

from dashboards.palette import INK

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def styled(figure: "Figure", title: str, *, x: str, y: str, **layout: Any) -> "Figure":
    """Return the figure with a title, named axes and the common style.

    Args:
        figure: Figure, changed in place.
        title: Title of the figure.
        x: Name and unit of the horizontal axis.
        y: Name and unit of the vertical axis.
        **layout: Further options of plotly's layout.
    """
    figure.update_layout(
        template="plotly_white",
        title={"text": title, "x": 0.02, "xanchor": "left", "font": {"size": 16}},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        margin={"l": 64, "r": 20, "t": 52, "b": 56},
        legend={"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"},
        hoverlabel={"align": "left"},
        **layout,
    )
    figure.update_xaxes(title=x, ticks="outside", showline=True, linecolor="#9AA5B1")
    figure.update_yaxes(title=y, ticks="outside", showline=True, linecolor="#9AA5B1")
    return figure
