"""Draws accuracy against one cost: the Pareto front, the other networks, and published ones on the axis."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from dashboards.comparison import Comparison
from dashboards.figures._style import styled
from dashboards.findings import Findings, Reference
from dashboards.network_filters import Cost, unbeaten
from dashboards.palette import ATTENTION, BEST, CONVOLUTION, FAINT, PLAIN
from dashboards.result import TrialResult

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_EARLY: Final = "stopped early (click to show)"
_MOST: Final = 800  # points of one kind, so that pages with thousands of networks stay fast


def front_figure(
    findings: Findings,
    cost: Cost,
    *,
    title: str,
    axis: str,
    shown: Callable[[float], str],
    reference: Callable[[Reference], float] | None = None,
) -> "Figure | None":
    """Return accuracy against a cost, None if no finished network has both.

    Args:
        findings: Search with what pages show of it.
        cost: Function from a network to its cost, None where it is not known.
        title: Title of the figure.
        axis: Name and unit of the cost.
        shown: Function from a cost to its text.
        reference: Function from a published network to its cost, which is marked on the axis.
    """
    from plotly.graph_objects import Figure  # noqa: PLC0415 -- seconds of imports

    finished = [n for n in findings.result.networks if n.state == "complete" and cost(n) is not None]
    fitting = [n for n in finished if n.fits]
    if not finished:
        return None
    front = sorted(unbeaten(fitting, by=[cost]), key=lambda n: cost(n) or 0.0)
    on_front = {n.trial for n in front}
    beaten = [n for n in fitting if n.trial not in on_front]
    early = [n for n in findings.result.networks if n.state == "pruned" and n.epochs and cost(n) is not None]
    figure = Figure()
    for name, networks, colour, size in (
        (_EARLY, early, FAINT, 5),
        ("over a budget", [n for n in finished if not n.fits], ATTENTION, 7),
        ("trained", beaten, CONVOLUTION, 7),
    ):
        if networks:
            _add(figure, name, _thinned(networks), cost, shown, colour, size)
    if front:
        _add(figure, "Pareto front", front, cost, shown, BEST, 10, line=True)
    if reference is not None:
        _mark(figure, findings.references, reference, shown)
        for comparison in findings.comparisons:
            _compare(figure, comparison, reference, shown)
    expected = ", expected" if any(n.posterior_mean is not None for n in finished) else ""
    return styled(
        figure, title, x=axis, y=f"validation {findings.result.value_name}{expected}", yaxis_tickformat=".1%"
    )


def _thinned(networks: Sequence[TrialResult]) -> Sequence[TrialResult]:
    """Return at most `_MOST` networks: the most accurate ones and a sample of the others."""
    if len(networks) <= _MOST:
        return networks
    by_accuracy = sorted(networks, key=lambda n: -n.merit)
    best, rest = by_accuracy[: _MOST // 2], by_accuracy[_MOST // 2 :]
    return [*best, *rest[:: -(-len(rest) // (_MOST // 2))]]


def _add(
    figure: "Figure",
    name: str,
    networks: Sequence[TrialResult],
    cost: Cost,
    shown: Callable[[float], str],
    colour: str,
    size: int,
    *,
    line: bool = False,
) -> None:
    from plotly.graph_objects import Scatter  # noqa: PLC0415

    costs = [cost(n) or 0.0 for n in networks]
    figure.add_trace(
        Scatter(
            x=costs,
            y=[n.merit for n in networks],
            name=name,
            # Their accuracies are of few epochs: on one axis they would crush those of the others.
            visible="legendonly" if name == _EARLY else True,
            mode="lines+markers" if line else "markers",
            line={"shape": "hv", "color": colour, "width": 2},
            marker={"color": colour, "size": size, "symbol": "x" if name == "over a budget" else "circle"},
            error_y={"type": "data", "array": [n.merit_error or 0.0 for n in networks], "thickness": 1}
            if line
            else None,
            customdata=[
                [n.trial, n.epochs, shown(c), n.accuracy] for n, c in zip(networks, costs, strict=True)
            ],
            hovertemplate="#%{customdata[0]}: %{customdata[3]:.2%} after %{customdata[1]} epochs, "
            "%{y:.2%} expected<br>%{customdata[2]}"
            if any(n.posterior_mean is not None for n in networks)
            else "#%{customdata[0]}: %{y:.2%} after %{customdata[1]} epochs<br>%{customdata[2]}",
        )
    )


def _compare(
    figure: "Figure",
    comparison: Comparison,
    reference: Callable[[Reference], float],
    shown: Callable[[float], str],
) -> None:
    """Draw networks that were trained alike, the found one too, by what they reached on validation images.

    They were trained longer than those of the search, with which they share only the axes.
    """
    from plotly.graph_objects import Scatter  # noqa: PLC0415

    networks = [(n, n.validation) for n in comparison.networks if n.validation is not None]
    if not networks:
        return
    costs = [reference(Reference(name=n.name, costs=dict(n.costs))) for n, _ in networks]
    figure.add_trace(
        Scatter(
            x=costs,
            y=[evaluated.value for _, evaluated in networks],
            name=f"compared, trained alike by {comparison.recipe}",
            mode="markers",
            marker={
                "symbol": ["star" if n is comparison.first else "diamond-open" for n, _ in networks],
                "size": 10,
                "color": PLAIN,
            },
            error_y={
                "type": "data",
                "array": [evaluated.standard_error for _, evaluated in networks],
                "thickness": 1,
            },
            text=[
                f"{n.name}: {j.value:.2%}<br>{shown(c)}<br>{n.origin}"
                for (n, j), c in zip(networks, costs, strict=True)
            ],
            hoverinfo="text",
        )
    )


def _mark(
    figure: "Figure",
    references: Sequence[Reference],
    cost: Callable[[Reference], float],
    shown: Callable[[float], str],
) -> None:
    """Mark published networks along the lower edge, because their accuracies are of other images."""
    from plotly.graph_objects import Scatter  # noqa: PLC0415

    if not references:
        return
    lowest = min(min(trace.y) for trace in figure.data if trace.visible is True)
    figure.add_trace(
        Scatter(
            x=[cost(r) for r in references],
            y=[lowest] * len(references),
            name="published (cost alone)",
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 14, "color": PLAIN, "line": {"width": 2}},
            text=[_published(r, shown(cost(r))) for r in references],
            hoverinfo="text",
        )
    )


def _published(network: Reference, cost: str) -> str:
    """Return what is shown of a published network where the pointer is."""
    lines = [network.name, cost]
    if network.imagenet:
        lines.append(f"published on ImageNet-1k: {network.imagenet}")
    return "<br>".join(lines)
