"""Plots regret against trials with a 95 % band for each sampler."""

from typing import TYPE_CHECKING

import numpy as np

from nas.tabular.regret import Results, interval, per_seed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_COLOURS = ("0,114,178", "213,94,0", "0,158,115", "204,121,167", "86,180,233", "230,159,0", "90,90,90")


def regret_figure(results: Results, title: str) -> "Figure":
    """Return a figure of mean regret over tasks after each trial, on a log scale."""
    from plotly.graph_objects import Figure, Scatter  # noqa: PLC0415  seconds of imports

    figure = Figure()
    for i, (name, runs) in enumerate(results.items()):
        regret, colour = per_seed(runs), _COLOURS[i % len(_COLOURS)]
        trials = np.arange(1, regret.shape[1] + 1)
        bands = np.array([interval(column) for column in regret.T])
        mean, low, high = np.maximum(bands, 1e-3).T
        figure.add_trace(
            Scatter(
                x=np.concatenate([trials, trials[::-1]]),
                y=np.concatenate([high, low[::-1]]),
                fill="toself",
                fillcolor=f"rgba({colour},0.15)",
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        )
        figure.add_trace(Scatter(x=trials, y=mean, name=name, line={"color": f"rgb({colour})"}))
    figure.update_layout(
        title=title,
        xaxis_title="trained networks",
        yaxis={"title": "regret, points", "type": "log"},
    )
    return figure
