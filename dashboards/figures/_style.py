"""The look that all figures share."""

from typing import TYPE_CHECKING, Any

from dashboards.palette import INK

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def styled(figure: "Figure", title: str, *, x: str, y: str, **layout: Any) -> "Figure":
    """Return the figure with a title, named axes and the look of the others.

    Args:
        figure: What is styled, in place.
        title: What it shows.
        x: Name and unit of the horizontal axis.
        y: The same of the vertical one.
        **layout: Whatever else the figure wants.
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
