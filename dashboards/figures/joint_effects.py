"""Draws the effects of pairs of factors as heat maps of expected accuracy, with lines of equal MACs."""

import math
from typing import TYPE_CHECKING, Final

from dashboards.explanation import Explanation, JointEffect, Value
from search_spaces.units import format_count

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_PAIRS: Final = 5  # pairs with a share of the variance
_KINDS: Final = 4  # maps of kinds of choices
_COLUMNS: Final = 3
_LINES: Final = 5  # of equal MACs on a map


def draw(explanation: Explanation) -> "Figure":
    """Return maps of the pairs with the largest shares and of kinds of choices, on one colour scale."""
    from plotly.subplots import make_subplots  # noqa: PLC0415  seconds of imports

    pairs = [effect for effect in explanation.joint_effects if effect.share is not None]
    kinds = [effect for effect in explanation.joint_effects if effect.share is None]
    shown = [*pairs[:_PAIRS], *kinds[:_KINDS]]
    columns = min(_COLUMNS, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[_title(effect) for effect in shown],
        vertical_spacing=0.4 / rows,
        horizontal_spacing=0.36 / columns,
    )
    for i, effect in enumerate(shown):
        _add(figure, effect, 1 + i // columns, 1 + i % columns)
    most = max((abs(100 * mean) for effect in shown for line in effect.means for mean in line), default=1.0)
    figure.update_layout(
        title="Joint effects of pairs of factors (grey lines: equal MACs)",
        template="plotly_white",
        showlegend=False,
        height=120 + 300 * rows,
        coloraxis={
            "colorscale": "RdBu",
            "cmin": -most,
            "cmax": most,
            "colorbar": {"title": "points"},
        },
    )
    return figure


def _title(effect: JointEffect) -> str:
    return effect.name if effect.share is None else f"{effect.name} (+{effect.share.mean:.0%})"


def _add(figure: "Figure", effect: JointEffect, row: int, column: int) -> None:
    """Add one map: the first factor on the horizontal axis, the second on the vertical axis."""
    from plotly.graph_objects import Contour, Heatmap  # noqa: PLC0415

    (x, x_labels), (y, y_labels) = (_axis(values) for values in effect.values)
    texts = [
        [
            f"{effect.factors[0]} = {a}, {effect.factors[1]} = {b}<br>{100 * effect.means[i][j]:+.2f} ± "
            f"{196 * effect.errors[i][j]:.2f} points<br>{format_count(round(effect.macs[i][j]))} MACs"
            for i, a in enumerate(effect.values[0])
        ]
        for j, b in enumerate(effect.values[1])
    ]
    points = [[100 * line[j] for line in effect.means] for j in range(len(y))]
    heat = Heatmap(x=x, y=y, z=points, text=texts, hoverinfo="text", coloraxis="coloraxis")
    figure.add_trace(heat, row=row, col=column)
    macs = [[math.log10(line[j]) for line in effect.macs] for j in range(len(y))]
    low, high = min(map(min, macs)), max(map(max, macs))
    if high - low > 0.02 and min(len(x), len(y)) > 1:
        lines = Contour(
            x=x,
            y=y,
            z=macs,
            contours={
                "coloring": "none",
                "start": low,
                "end": high,
                "size": (high - low) / _LINES,
                "showlabels": False,
            },
            line={"color": "#555", "width": 1},
            hoverinfo="skip",
            showscale=False,
        )
        figure.add_trace(lines, row=row, col=column)
    figure.update_xaxes(title_text=effect.factors[0], tickvals=x, ticktext=x_labels, row=row, col=column)
    figure.update_yaxes(
        title={"text": effect.factors[1], "standoff": 4}, tickvals=y, ticktext=y_labels, row=row, col=column
    )


def _axis(values: tuple[Value, ...]) -> tuple[list[float], list[str]]:
    """Return evenly spaced positions of the values, and their labels."""
    written = [f"{v:.3g}" if isinstance(v, float) else str(v).replace("_", "_<br>") for v in values]
    return [float(i) for i in range(len(values))], written
