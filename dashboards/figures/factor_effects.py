"""Draws the main effects of factors, one panel each: expected accuracy against value, 95 % bands."""

import math
from typing import TYPE_CHECKING, Final

from dashboards.explanation import Effect, Explanation
from dashboards.metric_names import metric_name

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_PANELS: Final = 12
_COLUMNS: Final = 3
_LINE: Final = "rgb(0,114,178)"  # Okabe and Ito's blue, visible to colour-blind people
_BAND: Final = "rgba(0,114,178,0.18)"
_Z: Final = 1.96  # standard deviations of a 95 % interval


def draw(explanation: Explanation) -> "Figure":
    """Return the effects of the factors that explain most, on one scale of accuracy."""
    from plotly.subplots import make_subplots  # noqa: PLC0415  seconds of imports

    shown = explanation.effects[:_PANELS]
    columns = min(_COLUMNS, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    titles = [f"{effect.factor} ({effect.share.mean:.0%})" for effect in shown]
    figure = make_subplots(
        rows=rows, cols=columns, shared_yaxes=True, subplot_titles=titles, vertical_spacing=0.35 / rows
    )
    for i, effect in enumerate(shown):
        _add(figure, effect, 1 + i // columns, 1 + i % columns)
    figure.update_yaxes(zeroline=True, zerolinecolor="#bbb")
    for row in range(1, rows + 1):
        figure.update_yaxes(title_text=f"{metric_name(explanation.metric)}, points", row=row, col=1)
    figure.update_layout(
        title="Main effect of each factor (share of the variance)",
        template="plotly_white",
        showlegend=False,
        height=120 + 230 * rows,
    )
    return figure


def _add(figure: "Figure", effect: Effect, row: int, column: int) -> None:
    from plotly.graph_objects import Scatter  # noqa: PLC0415

    means = [100 * mean for mean in effect.means]
    errors = [100 * _Z * error for error in effect.errors]
    texts = [
        f"{effect.factor} = {value}<br>{mean:+.2f} ± {error:.2f} points<br>{trained} trained"
        for value, mean, error, trained in zip(effect.values, means, errors, effect.trained, strict=True)
    ]
    if effect.numeric:
        x = list(effect.values)
        high = [m + e for m, e in zip(means, errors, strict=True)]
        low = [m - e for m, e in zip(means, errors, strict=True)]
        band = Scatter(
            x=x + x[::-1],
            y=high + low[::-1],
            mode="lines",
            fill="toself",
            fillcolor=_BAND,
            line_width=0,
            hoverinfo="skip",
        )
        figure.add_trace(band, row=row, col=column)
        line = Scatter(x=x, y=means, mode="lines+markers", line_color=_LINE, text=texts, hoverinfo="text")
        figure.add_trace(line, row=row, col=column)
        return
    bars = Scatter(
        x=[str(value) for value in effect.values],
        y=means,
        mode="markers",
        marker={"color": _LINE, "size": 9},
        error_y={"type": "data", "array": errors, "color": _LINE},
        text=texts,
        hoverinfo="text",
    )
    figure.add_trace(bars, row=row, col=column)
