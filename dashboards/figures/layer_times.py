"""Draws where a network's latency goes: time of each block above its ideal, and a roofline of the layers.

The gap is the time of a block minus the time of its multiply-accumulates at the peak rate (after Lavin, 2024,
https://arxiv.org/abs/2404.03617). The roofline bounds a layer's rate by the peak rate and by memory bandwidth
times the layer's MACs per byte (Williams, Waterman, Patterson, 2009,
https://doi.org/10.1145/1498765.1498785).
"""

from typing import Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.palette import INK, SERIES
from trials.latency.layer_times import LayerTime, LayerTimes

_AT_PEAK: Final = SERIES[0]
_GAP: Final = SERIES[5]
_MEMORY: Final = ("limited by memory", SERIES[1])
_COMPUTE: Final = ("limited by compute", SERIES[0])
_TO_GMACS: Final = 1e-6  # MACs per millisecond to billions per second


def draw(times: LayerTimes, name: str) -> go.Figure:
    """Return both charts side by side.

    Args:
        times: Measured times of a network's layers.
        name: Name of the network.
    """
    titles = ("Time of each block", "Roofline")
    figure = make_subplots(rows=1, cols=2, column_widths=[0.5, 0.5], subplot_titles=titles)
    _add_gap(figure, times)
    _add_roofline(figure, times)
    figure.update_layout(
        title=f"{name} on {times.conditions['target']}: {times.time_ms:.3g} ms in layers, "
        f"{times.ideal_ms:.3g} ms of it at the peak rate",
        template="plotly_white",
        barmode="stack",
        height=max(480, 22 * len(times.blocks()) + 160),
        legend={"orientation": "h", "y": -0.15, "itemsizing": "constant"},
    )
    return figure


def _add_gap(figure: go.Figure, times: LayerTimes) -> None:
    blocks = times.blocks()
    names = [block.name for block in blocks]
    ideal_ms = [block.macs / times.peak_macs_per_ms for block in blocks]
    gap_ms = [block.time_ms - ideal for block, ideal in zip(blocks, ideal_ms, strict=True)]
    for words, values_ms, colour in (("at the peak rate", ideal_ms, _AT_PEAK), ("gap", gap_ms, _GAP)):
        bars = go.Bar(
            x=values_ms,
            y=names,
            name=words,
            orientation="h",
            marker_color=colour,
            hovertemplate="%{y}: %{x:.3g} ms " + words + "<extra></extra>",
        )
        figure.add_trace(bars, row=1, col=1)
    figure.update_xaxes(title="ms", row=1, col=1)
    figure.update_yaxes(autorange="reversed", row=1, col=1)


def _add_roofline(figure: go.Figure, times: LayerTimes) -> None:
    computing = [layer for layer in times.layers if layer.macs and layer.moved_bytes]
    intensities = np.array([layer.macs / layer.moved_bytes for layer in computing])
    x = np.geomspace(min(intensities.min() / 2, 0.1), intensities.max() * 2, 100)
    roof = np.minimum(times.peak_macs_per_ms, times.peak_bytes_per_ms * x)
    line = go.Scatter(
        x=x,
        y=roof * _TO_GMACS,
        name="roof: compute, main memory",
        mode="lines",
        line={"color": INK, "dash": "dash"},
        hoverinfo="skip",
    )
    figure.add_trace(line, row=1, col=2)
    longest_ms = max(layer.time_ms for layer in computing)
    ridge = times.peak_macs_per_ms / times.peak_bytes_per_ms  # MACs per byte where the two roofs meet
    for (words, colour), right in ((_MEMORY, False), (_COMPUTE, True)):
        layers = [layer for layer in computing if (layer.macs >= ridge * layer.moved_bytes) is right]
        figure.add_trace(_points(layers, words, colour, longest_ms), row=1, col=2)
    figure.update_xaxes(title="MACs per byte moved", type="log", row=1, col=2)
    figure.update_yaxes(title="GMACs/s", type="log", row=1, col=2)


def _points(layers: list[LayerTime], words: str, colour: str, longest_ms: float) -> go.Scatter:
    """Return the layers as points; larger ones take longer."""
    return go.Scatter(
        x=[layer.macs / layer.moved_bytes for layer in layers],
        y=[layer.macs / layer.time_ms * _TO_GMACS for layer in layers],
        name=words,
        mode="markers",
        marker={
            "color": colour,
            "opacity": 0.7,
            "size": [6 + 18 * (layer.time_ms / longest_ms) ** 0.5 for layer in layers],
        },
        text=[f"{layer.name}<br>{layer.time_ms:.3g} ms" for layer in layers],
        hovertemplate="%{text}<br>%{x:.3g} MACs per byte, %{y:.3g} GMACs/s<extra></extra>",
    )
