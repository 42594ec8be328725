"""Networks are picked, followed, compared and written as CSV as they are asked for."""

import contextlib
import io
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dashboards.comparison_table import comparison_table
from dashboards.live_table import changes, follow
from dashboards.network_filters import latency_on, selected, unbeaten
from dashboards.result import TrialResult
from search_spaces.budget import Budget
from tests.dashboards.searches import COSTS, network, search


def priced(trial: int, accuracy: float, macs: int, params: int = 1, ms: float | None = None) -> TrialResult:
    costs = {**COSTS, "macs": macs, "params": params}
    measured = None if ms is None else {"cpu": ms}
    return network(trial, accuracy=accuracy, costs=costs, latency_ms=measured, latency_bound_ms=measured)


def test_networks_are_left_that_keep_a_budget_nobody_asked_for_before():
    result = search(priced(1, 0.9, 300, ms=4.0), priced(2, 0.8, 100, ms=2.0), priced(3, 0.7, 90))
    small = selected(result, fits=[Budget.parse("100-MACs")])
    assert [n.trial for n in small.networks] == [2, 3]
    fast = selected(result, fits=[Budget.parse("3ms@cpu")])
    assert [n.trial for n in fast.networks] == [2]
    assert fast.best == result.networks[1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), st.integers(1, 5)), max_size=12))
def test_what_is_left_is_beaten_by_none_and_beats_the_rest(values):
    networks = [priced(i, a / 5, m, p) for i, (a, m, p) in enumerate(values)]
    left = {n.trial for n in unbeaten(networks)}
    for i, (a, m, p) in enumerate(values):
        beaten = any((b >= a and n <= m and q <= p) and (b, n, q) != (a, m, p) for b, n, q in values)
        assert (i in left) == (not beaten)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5) | st.none()), max_size=12))
def test_a_front_by_one_cost_leaves_out_networks_without_it_and_keeps_the_order(values):
    networks = [priced(i, a / 5, 1, ms=cost and float(cost)) for i, (a, cost) in enumerate(values)]
    front = [n.trial for n in unbeaten(networks, by=[latency_on("cpu")])]
    assert front == [
        i
        for i, (a, ms) in enumerate(values)
        if ms and not any((b >= a and other <= ms) and (b, other) != (a, ms) for b, other in values if other)
    ]


def test_a_latency_decides_only_where_all_networks_have_it():
    slow = priced(1, 0.9, 300, ms=4.0)
    fast = priced(2, 0.8, 300, ms=2.0)
    assert unbeaten([slow, fast]) == [slow, fast]
    unmeasured = priced(3, 0.9, 300)
    assert unbeaten([slow, fast, unmeasured]) == [slow, unmeasured]


def test_what_is_not_trained_to_the_end_or_misses_its_budget_is_never_on_the_front():
    early = network(1, state="pruned", accuracy=0.99)
    missing = network(2, accuracy=0.99, fits=False)
    kept = selected(search(early, missing, network(3, accuracy=0.5)), pareto=True)
    assert [n.trial for n in kept.networks] == [3]


def test_following_in_a_pipe_prints_each_change_once():
    first = search(network(0), network(1, state="running", epochs=1))
    second = search(network(0), network(1, state="running", epochs=2))
    text = io.StringIO()
    looks = iter([first, first, second])

    class OverError(Exception):
        pass

    def load():
        try:
            return next(looks)
        except StopIteration:
            raise OverError from None

    with contextlib.suppress(OverError):
        follow(changes(load, sleep=lambda _: None), Console(file=text, width=120))
    lines = text.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("#0")
    assert "after 1 epoch" in lines[1]
    assert "after 2 epochs" in lines[2]


def test_searches_stand_side_by_side_with_intervals_of_their_differences():
    one = search(network(1, accuracy=0.9))
    near = replace(search(network(2, accuracy=0.905)), study="near", sampler="random")
    far = replace(search(network(3, accuracy=0.99)), study="far")
    empty = replace(search(), study="empty")
    text = io.StringIO()
    Console(file=text, width=160).print(comparison_table([one, near, far, empty]))
    shown = text.getvalue()
    for cell in (
        "mine",
        "near",
        "random, 0",
        "90.00% ± 0.80",
        "+0.50 [-1.73, +2.72] points",
        "+9.00 [",
    ):
        assert cell in shown
