"""Draws the best accuracy so far against trained networks, beside uniform sampling."""

from collections.abc import Iterable
from itertools import accumulate
from typing import TYPE_CHECKING

from dashboards.figures._style import styled
from dashboards.findings import Baseline, Findings
from dashboards.palette import BEST, CONVOLUTION, FAINT, PLAIN
from dashboards.result import TrialResult

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def best_so_far(networks: Iterable[TrialResult]) -> list[float]:
    """Return the best accuracy after each trained network, of those that fit and were trained to the end."""
    trained = [n for n in networks if n.state in {"complete", "pruned"} and n.epochs]
    counted = [
        (n.accuracy or 0.0) if n.state == "complete" and n.fits else 0.0
        for n in sorted(trained, key=lambda n: n.trial)
    ]
    return list(accumulate(counted, max))


def draw(findings: Findings) -> "Figure | None":
    """Return the best accuracy after each trained network, beside that of uniform sampling."""
    from plotly.graph_objects import Figure, Scatter  # noqa: PLC0415 -- seconds of imports

    best = best_so_far(findings.result.networks)
    whole = [n for n in findings.result.networks if n.state == "complete" and n.fits]
    if not whole:
        return None
    order = sorted(
        n.trial for n in findings.result.networks if n.state in {"complete", "pruned"} and n.epochs
    )
    place = {trial: index for index, trial in enumerate(order, 1)}
    figure = Figure()
    for baseline in findings.baselines:
        _add_baseline(figure, baseline)
    shown = whole[:1000]  # sorted best first
    figure.add_trace(
        Scatter(
            x=[place[n.trial] for n in shown],
            y=[n.accuracy for n in shown],
            mode="markers",
            name="trained to the end",
            marker={"color": FAINT, "size": 6},
            customdata=[n.trial for n in shown],
            hovertemplate="#%{customdata}: %{y:.2%}",
        )
    )
    begun = next((i for i, accuracy in enumerate(best) if accuracy > 0), 0)
    steps = [i for i in range(begun, len(best)) if i in {begun, len(best) - 1} or best[i] > best[i - 1]]
    figure.add_trace(
        Scatter(
            x=[i + 1 for i in steps],
            y=[best[i] for i in steps],
            mode="lines",
            line={"shape": "hv", "color": BEST, "width": 3},
            name=f"best so far ({findings.result.sampler})",
            hovertemplate="%{y:.2%} after %{x} networks",
        )
    )
    return styled(
        figure,
        f"Best {findings.result.value_name} so far",
        x="trained networks",
        y=f"validation {findings.result.value_name}",
        yaxis_tickformat=".1%",
        yaxis_range=_range(figure),
    )


def _range(figure: "Figure") -> list[float]:
    """Return an axis range around all points, at least two points of accuracy wide."""
    values = [y for trace in figure.data for y in trace.y]
    margin = max(0.01, 0.05 * (max(values) - min(values)))
    return [min(values) - margin, max(values) + margin]


def _add_baseline(figure: "Figure", baseline: Baseline) -> None:
    from plotly.graph_objects import Scatter  # noqa: PLC0415

    x = list(range(1, len(baseline.best) + 1))
    if baseline.low is not None and baseline.high is not None:
        figure.add_trace(
            Scatter(
                x=x + x[::-1],
                y=[*baseline.high, *baseline.low[::-1]],
                fill="toself",
                fillcolor="rgba(86,105,122,0.14)",
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    dash = {"color": PLAIN if baseline.low is not None else CONVOLUTION, "dash": "dash"}
    figure.add_trace(Scatter(x=x, y=list(baseline.best), mode="lines", line=dash, name=baseline.name))
