"""The parts of the searches in int8 that need no training."""

import pytest

import search_spaces
from search_spaces.space_record import space_digest
from tests.benchmarks.int8_ranking import spaces
from tests.benchmarks.int8_searches import chosen, space_named, table
from tests.dashboards.searches import network


def record(*tests: float):
    trials = range(len(tests))
    by = {
        form: {"trial": trial, "fp32": 0.7, "int8": 0.6, "int8_test": [test, 0.005], "macs": 9}
        for form, trial, test in zip(("int8", "fp32"), (0, trials[-1]), (tests[0], tests[-1]), strict=True)
    }
    return {"trials": [[0.7, 0.6], [0.65, 0.64], [0.5, 0.5]], "chosen": by, "trained": 24}


def test_the_best_in_one_form_is_chosen_and_of_equal_ones_the_cheaper():
    networks = [
        network(0, accuracy=0.6, fp32_accuracy=0.7),
        network(1, accuracy=0.65, fp32_accuracy=0.66, costs={"macs": 9}),
        network(2, accuracy=0.65, fp32_accuracy=0.66, costs={"macs": 8}),
    ]
    assert chosen(networks, "fp32_accuracy").trial == 0
    assert chosen(networks, "accuracy").trial == 2


def test_seeds_are_compared_in_pairs_and_the_same_network_differs_from_itself_by_nothing():
    lines = table("hybrid_small", {0: record(0.62, 0.58), 1: record(0.6)})
    rows = [line for line in lines if line.startswith(("| 0", "| 1"))]
    assert "+4.00" in rows[0]
    assert "the same | 0 |" in rows[1]
    assert any("+2.00 points" in line and "2 seeds" in line for line in lines)


@pytest.mark.parametrize("name", list(spaces()))
def test_a_search_takes_the_spaces_of_the_ranking(name: str, tmp_path):
    found = search_spaces.load(space_named(name, tmp_path))
    assert space_digest(found) == space_digest(spaces()[name])
