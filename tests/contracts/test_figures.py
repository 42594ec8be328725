"""Every figure has a title and named axes, needs nothing to be drawn of nothing, and stays small."""

import inspect
import json
from typing import Any

import pytest

from dashboards.figures import FIGURES, drawn
from dashboards.findings import Findings
from tests.dashboards.searches import findings, many, network


def figure_of(name: str, shown: Findings) -> Any:
    """Return a figure that has something to show."""
    figure = FIGURES[name](shown)
    assert figure is not None
    return figure


OF_FINDINGS = [n for n in FIGURES if list(inspect.signature(FIGURES[n]).parameters) == ["findings"]]


@pytest.mark.parametrize("name", list(FIGURES))
def test_the_name_of_a_figures_first_argument_says_what_it_is_given(name: str):
    first, *rest = inspect.signature(FIGURES[name]).parameters
    assert first in {"findings", "explanation", "times"}
    assert not rest or first == "times"


@pytest.mark.parametrize("name", OF_FINDINGS)
def test_nothing_is_drawn_of_an_empty_search(name: str):
    assert FIGURES[name](findings()) is None


@pytest.mark.parametrize("name", OF_FINDINGS)
def test_a_figure_has_a_title_and_named_axes(name: str):
    figure = figure_of(name, findings(*many(40)))
    assert figure.layout.title.text
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text
    assert all(trace.name or trace.showlegend is False for trace in figure.data)


@pytest.mark.parametrize("name", OF_FINDINGS)
def test_one_network_is_enough_and_thousands_stay_small(name: str):
    seen = network(0, latency_ms={"cpu": 2.0}, predicted_ms={"cpu": (2.1, 0.1)})
    assert FIGURES[name](findings(seen)) is not None
    assert len(figure_of(name, findings(*many(3000))).to_json()) < 400_000


def test_what_runs_alone_draws_only_what_is_known_of_it():
    running = network(0, state="running", epochs=0)
    assert drawn(findings(running)) == {}


def test_a_figure_says_which_network_each_point_is():
    figure = figure_of("pareto_macs", findings(network(7), network(8, accuracy=0.5)))
    shown = {point[0] for trace in figure.data if trace.customdata is not None for point in trace.customdata}
    assert shown == {7, 8}


def test_the_front_is_of_networks_that_fit_and_none_beats():
    cheap = network(1, accuracy=0.8, costs={**network().costs, "macs": 10})
    dear = network(2, accuracy=0.9)
    beaten = network(3, accuracy=0.7)
    missing = network(4, accuracy=0.99, fits=False)
    figure = figure_of("pareto_macs", findings(cheap, dear, beaten, missing))
    traces = {trace.name: [point[0] for point in trace.customdata or []] for trace in figure.data[:-1]}
    assert traces["Pareto front"] == [1, 2]
    assert traces["trained"] == [3]
    assert traces["over a budget"] == [4]


def test_convergence_is_a_stair_that_counts_only_what_fits():
    figure = figure_of(
        "convergence",
        findings(
            network(0, accuracy=0.5),
            network(1, accuracy=0.99, fits=False),
            network(2, state="pruned", accuracy=0.98),
            network(3, accuracy=0.7),
        ),
    )
    stair = figure.data[-1]
    assert json.loads(json.dumps(list(stair.x))) == [1, 4]
    assert list(stair.y) == [0.5, 0.7]


def test_convergence_of_networks_that_are_never_right_is_level():
    stair = figure_of("convergence", findings(network(0, accuracy=0.0), network(1, accuracy=0.0))).data[-1]
    assert list(stair.y) == [0.0, 0.0]


@pytest.mark.parametrize("name", ["pareto_macs", "pareto_params", "pareto_latency"])
def test_early_stopped_networks_are_shown_on_a_click_alone(name: str):
    """Accuracies after few epochs would crush those of networks trained to the end."""
    figure = figure_of(name, findings(*many(40)))
    (early,) = [trace for trace in figure.data if trace.name.startswith("stopped early")]
    assert early.visible == "legendonly"
    others = [trace for trace in figure.data if trace is not early]
    assert others
    assert all(trace.visible in {None, True} for trace in others)
