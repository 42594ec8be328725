"""A comparison is shown alike in a terminal and in Markdown, and is stored as JSON without loss."""

import io
import json
from dataclasses import replace

from rich.console import Console

from dashboards.comparison import AS_GOOD, BETTER, WORSE, Compared, Comparison, Evaluation
from dashboards.comparison_rows import columns, markdown, print_comparison, rows, sentences
from dashboards.point_difference import Difference


def evaluation(value: float, verdict: str | None = None, *, ahead: float = 0.0, seeds: int = 3) -> Evaluation:
    return Evaluation(
        value=value,
        standard_error=0.01,
        values=dict.fromkeys(range(seeds), value),
        difference=None if verdict is None else Difference(ahead, ahead - 0.02, ahead + 0.02),
        alone=None if verdict is None else Difference(ahead, ahead - 0.01, ahead + 0.01),
        seeds=seeds,
        verdict=verdict,
    )


def network(name: str, validation: Evaluation | None, **changes) -> Compared:
    made = Compared(
        name=name,
        origin=f"where {name} comes from",
        published=None,
        trials={0: 3, 1: 4},
        fingerprint="f" * 8,
        resolution=32,
        costs={"macs": 4_000_000, "params": 500_000},
        fits=True,
        latency_ms={"cpu": 0.123},
        validation=validation,
    )
    return replace(made, **changes)


COMPARISON = Comparison(
    name="mine-compared-full",
    study="mine",
    data="digits",
    recipe="full",
    epochs=60,
    metric="accuracy",
    seeds=3,
    images=360,
    test_images=None,
    networks=(
        network("mine#7", evaluation(0.95)),
        network("big", evaluation(0.97, WORSE, ahead=-0.03)),
        network("same", evaluation(0.95, AS_GOOD)),
        network("small", evaluation(0.9, BETTER, ahead=0.05), fits=False),
        network("late", None, latency_ms={}, reason="OutOfMemoryError"),
    ),
    left_out={"huge": "No network fits 4M-MACs."},
)


def test_a_comparison_read_from_json_is_the_same():
    assert Comparison.from_json(json.loads(json.dumps(COMPARISON.to_json()))) == COMPARISON


def test_each_verdict_is_said_of_the_first_network_with_its_interval():
    said = sentences(COMPARISON)
    assert said[0] == "mine#7 is better than small (+5.00 [+3.00, +7.00] points)."
    assert said[1] == "mine#7 is as good as same (+0.00 [-2.00, +2.00] points)."
    assert said[2] == "mine#7 is worse than big (-3.00 [-5.00, -1.00] points)."
    assert "hold together with 95 %" in said[3]
    assert "--final" in said[3]
    assert said[4].startswith("huge is left out: No network fits")


def test_one_seed_is_said_to_be_of_these_weights():
    alone = replace(
        COMPARISON,
        seeds=1,
        networks=(
            network("mine#7", evaluation(0.95, seeds=1)),
            network("a", evaluation(0.9, BETTER, ahead=0.05, seeds=1)),
        ),
    )
    assert any("these weights" in line for line in sentences(alone))
    assert not any("these weights" in line for line in sentences(COMPARISON))


def test_after_a_final_test_the_figures_are_of_test_images():
    first, *others = COMPARISON.networks
    tested = replace(
        COMPARISON,
        test_images=900,
        networks=(
            replace(first, test=evaluation(0.91)),
            *(replace(one, test=evaluation(0.8, BETTER, ahead=0.11)) for one in others[:1]),
        ),
    )
    assert [row[1] for row in rows(tested)] == ["91.00% ± 1.00", "80.00% ± 1.00"]
    assert not any("--final" in line for line in sentences(tested))


def test_rows_have_the_costs_latencies_and_reasons():
    shown = {row[0]: row for row in rows(COMPARISON)}
    assert all(len(row) == len(columns(COMPARISON)) for row in shown.values())
    assert "over budget" in " ".join(shown["small"])
    assert "0.123" in shown["big"]
    assert "OutOfMemoryError" in shown["late"]


def test_terminal_and_markdown_hold_the_same_networks():
    console = Console(width=200, record=True, file=io.StringIO())
    print_comparison(COMPARISON, console)
    printed, written = console.export_text(), "\n".join(markdown(COMPARISON))
    for one in COMPARISON.networks:
        assert one.name in printed
        assert one.name in written
    assert "first ahead by" in printed
    assert "| --- | ---: | ---: | --- |" in written
