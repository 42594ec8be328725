"""Tables show the best network first, and JSON holds everything."""

import csv
import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

import search_spaces
from dashboards.network_filters import selected
from dashboards.reports.csv import write_csv
from dashboards.result import Score, SearchResult, TrialResult, best_first
from dashboards.search_state import SearchState
from dashboards.tables import print_search, terminal
from search_spaces.budget import Budget
from tests.dashboards.searches import network

NETWORK = TrialResult(
    trial=7,
    state="complete",
    accuracy=0.975,
    standard_error=0.0082,
    epochs=6,
    costs={"macs": 299_000_000, "params": 1_200_000, "activations": 9, "peak": 262_144, "weights": 4_800_000},
    fits=True,
    seconds=12.0,
    latency_ms={"cpu": 3.25},
    reason=None,
    architecture=search_spaces.reference("mobilenet_v2_1.0_224"),
)


def result_of(*networks: TrialResult) -> SearchResult:
    return SearchResult(
        study="mine",
        storage="sqlite:///nas.db",
        folder="runs/mine",
        budgets=(Budget.parse("300M-MACs"),),
        space="hybrid_small",
        data="digits",
        sampler="factor_gp",
        seed=0,
        trained=len(networks),
        networks=best_first(list(networks)),
        overhead=0.082,
    )


def retrained(trial: int, accuracy: float, after: float, recipe: str = "full-0") -> TrialResult:
    """Return a network with a longer training, by default by one that others had too."""
    score = Score(
        weights="retrained",
        recipe=recipe.partition("-")[0],
        epochs=60,
        learnt_from="training",
        split="validation",
        metric="accuracy",
        value=after,
        standard_error=0.004,
    )
    return replace(
        NETWORK,
        trial=trial,
        accuracy=accuracy,
        retrained_accuracy=after,
        retrained_error=0.004,
        retrained_by=recipe,
        scores=(score,),
    )


def printed(result: SearchResult, **options: bool) -> str:
    text = io.StringIO()
    console = Console(file=text, width=120, highlight=False)
    print_search(result, **{"as_json": False, "finished": True, **options}, console=console)
    return text.getvalue()


def test_a_row_has_accuracy_with_its_error_and_every_cost():
    row = next(line for line in printed(result_of(NETWORK)).splitlines() if line.startswith("#7"))
    for cell in ("97.50% ± 0.82", "299M", "1.2M", "256 KiB", "3.25 ms cpu"):
        assert cell in row


def test_those_that_a_longer_training_compared_come_first_in_its_order_and_say_so():
    one, other = retrained(2, 0.96, 0.992), retrained(3, 0.98, 0.985)
    worse = replace(NETWORK, trial=1, accuracy=0.95)
    assert [n.trial for n in best_first([worse, other, one])] == [2, 3, 1]
    lines = printed(result_of(worse, other, one)).splitlines()
    row, below = next((line, lines[i + 1]) for i, line in enumerate(lines) if line.startswith("#2"))
    assert "96.00%" in row
    assert "99.20%" not in row  # figures of different weights never share a row
    assert "99.20% ± 0.40" in below
    assert "weights retrained by full on training images" in below
    assert "#2, #3 rests on their retraining by the same recipe" in " ".join(" ".join(lines).split())


def test_a_network_found_later_can_become_best():
    compared = [retrained(n, 0.96 + n / 1000, after) for n, after in ((1, 0.981), (2, 0.979), (3, 0.975))]
    later = replace(NETWORK, trial=9, accuracy=0.994)
    assert [n.trial for n in best_first([*compared, later])] == [9, 1, 2, 3]
    between = replace(NETWORK, trial=9, accuracy=0.9625)  # better than the second of them after the search
    assert [n.trial for n in best_first([*compared, between])] == [1, 9, 2, 3]


def test_retrainings_by_different_recipes_are_not_compared():
    one, other = retrained(1, 0.97, 0.975), retrained(2, 0.96, 0.999, recipe="longer-1")
    assert [n.trial for n in best_first([one, other])] == [1, 2]
    assert all(n.ranked_by is None for n in best_first([one, other]))


def test_the_order_rests_on_expected_values_where_they_are_stored():
    lucky = replace(NETWORK, trial=1, accuracy=0.99, posterior_mean=0.95, posterior_sd=0.01)
    solid = replace(NETWORK, trial=2, accuracy=0.98, posterior_mean=0.96, posterior_sd=0.005)
    assert [n.trial for n in best_first([lucky, solid])] == [2, 1]
    text = printed(result_of(lucky, solid))
    assert "96.00% ± 0.50" in text
    assert "the order rests on it" in " ".join(text.split())


def test_what_int8_costs_is_shown_beside_the_value_in_int8():
    valued = replace(NETWORK, accuracy=0.95, fp32_accuracy=0.975, int8_drop=0.025)
    stopped = replace(NETWORK, trial=8, state="pruned", epochs=1, accuracy=0.7)
    text = printed(result_of(valued, stopped))
    assert "accuracy in int8" in text
    (first,) = [line for line in text.splitlines() if line.strip().startswith("#7")]
    (second,) = [line for line in text.splitlines() if line.strip().startswith("#8")]
    assert first.index("95.0") < first.index("97.5") < first.index("2.50")
    assert "70.0" in second
    assert "in int8" not in printed(result_of(NETWORK))


def test_the_metric_is_called_by_its_name():
    text = printed(replace(result_of(NETWORK), metric="macro_f1"))
    assert "macro F1" in text
    assert "accuracy" not in text


def test_what_was_not_trained_to_the_end_or_misses_its_budget_comes_last():
    pruned = replace(NETWORK, trial=1, state="pruned", accuracy=0.99)
    missing = replace(NETWORK, trial=2, fits=False, accuracy=0.99)
    lighter = replace(NETWORK, trial=3, costs={**NETWORK.costs, "macs": 1})
    assert [n.trial for n in best_first([pruned, missing, NETWORK, lighter])] == [3, 7, 1, 2]
    assert result_of(pruned).best is None
    assert "over budget" in printed(result_of(missing))


def test_a_search_without_networks_says_so():
    text = printed(result_of())
    assert "No network that fits has been trained to the end yet." in text
    assert "nas export" not in text


@pytest.mark.parametrize("name", ["mine", "it's mine"])
def test_the_next_commands_can_be_typed_as_they_are(name: str):
    import shlex

    text = printed(replace(result_of(NETWORK), study=name))
    line = next(line for line in text.splitlines() if "nas export" in line)
    assert shlex.split(line.partition("nas export")[2]) == [name, "--to", "my_net"]


def test_json_holds_every_field():
    printed_json = json.loads(printed(result_of(NETWORK), as_json=True))
    assert printed_json["version"] == 2
    assert printed_json["networks"][0]["costs"]["macs"] == 299_000_000
    assert printed_json["overhead"] == 0.082


def test_json_holds_an_architecture_as_an_object_that_is_read_back():
    (network,) = json.loads(printed(result_of(NETWORK), as_json=True))["networks"]
    assert network["architecture"]["stages"][0]["block"] == "inverted_residual"
    assert search_spaces.Architecture.from_json(network["architecture"]) == NETWORK.architecture


def test_the_title_of_a_selection_names_what_it_was_selected_by():
    small = (Budget.parse("1M-MACs"),)
    assert "mine: best networks within 300M-MACs" in printed(result_of(NETWORK))
    assert "mine: best networks within 400M-MACs" in printed(
        selected(result_of(NETWORK), fits=[Budget.parse("400M-MACs")])
    )
    assert "mine: Pareto front within 300M-MACs" in printed(selected(result_of(NETWORK), pareto=True))
    nothing = printed(selected(result_of(NETWORK), fits=small))
    assert "best networks within 1M-MACs" in nothing
    assert "No network of this search is known to be within 1M-MACs." in nothing


INTERRUPTED = SearchState(state="interrupted", last_sign_s=0.0, ago_s=185.0)


def test_networks_that_were_stopped_early_are_not_called_trained_where_none_is_best():
    early = [replace(NETWORK, trial=n, state="pruned", epochs=1, accuracy=0.5) for n in range(2)]
    text = printed(result_of(*early))
    assert "No network that fits has been trained to the end yet." in text
    assert "Trained" not in text
    assert "2 networks stopped early, none trained to the end" in text
    both = printed(result_of(*early, replace(NETWORK, trial=9)))
    assert "3 networks of hybrid_small on digits, seed 0: 1 to the end, 2 stopped early" in both
    begun = replace(result_of(replace(NETWORK, state="running", epochs=2)), trained=0)
    assert "hybrid_small on digits, seed 0: 1 begun, none at its end" in printed(begun)
    over = printed(result_of(replace(NETWORK, fits=False)))
    assert "all to the end; none of them fits" in over


def test_an_interrupted_search_says_so_and_that_the_same_command_goes_on():
    left = replace(NETWORK, trial=1, state="running", epochs=2)
    result = replace(result_of(NETWORK, left), state=INTERRUPTED)
    text = printed(result)
    assert "State     interrupted 3 min ago; the same command goes on" in text
    (row,) = [line for line in text.splitlines() if line.startswith("#1 ")]
    assert "interrupted" in row
    assert "running" not in text
    told = json.loads(printed(result, as_json=True))["state"]
    assert told == {"state": "interrupted", "last_sign": "1970-01-01T00:00:00+00:00", "ago_s": 185.0}
    running = replace(result, state=replace(INTERRUPTED, state="running"))
    assert "State     running" in printed(running)
    assert json.loads(printed(replace(result, state=None), as_json=True))["state"] is None


def test_a_name_between_colons_is_no_picture(capsys):
    terminal().print("/data/:dog:/x")
    assert capsys.readouterr().out == "/data/:dog:/x\n"


def test_a_table_of_several_searches_names_them(tmp_path):
    with (tmp_path / "all.csv").open("w", newline="") as file:
        write_csv([network(0), network(0, accuracy=0.5)], file, ["first", "second"])
    rows = list(csv.DictReader((tmp_path / "all.csv").read_text().splitlines()))
    assert [(row["study"], row["trial"]) for row in rows] == [("first", "0"), ("second", "0")]


def test_an_address_in_brackets_is_printed_as_it_is():
    printed = io.StringIO()
    fits = (Budget.parse("5ms@ssh://me@[fe80::1]:22"),)
    result = replace(result_of(), networks=(), fits=fits)
    print_search(result, as_json=False, finished=False, console=Console(file=printed, width=160))
    assert "within 5ms@ssh://me@[fe80::1]:22." in printed.getvalue()
