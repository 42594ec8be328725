"""Budgets as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.budget import Budget
from search_spaces.errors import BudgetError

COUNTS = {"macs": "MACs", "params": "params", "activations": "activations"}
numbers = st.decimals(min_value="0.01", max_value="9999", places=2)


@given(number=numbers, scale=st.sampled_from(["", "k", "M", "G"]), resource=st.sampled_from(list(COUNTS)))
def test_counts_are_read_to_the_last_unit(number, scale, resource):
    text = f"{number}{scale}-{COUNTS[resource]}"
    budget = Budget.parse(text)
    factor = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}[scale]
    assert budget.resource == resource
    assert budget.limit == float(number * factor)
    assert Budget.parse(str(budget)) == budget
    assert budget.counted


@given(
    number=numbers,
    scale=st.sampled_from(["KiB", "MiB", "GiB"]),
    resource=st.sampled_from(["peak", "weights"]),
    dtype=st.sampled_from(["", "@int8", "@fp32"]),
)
def test_bytes_are_read_in_powers_of_two(number, scale, resource, dtype):
    budget = Budget.parse(f"{number}{scale}-{resource}{dtype}")
    assert budget.limit == float(number * 1024 ** (1 + ["KiB", "MiB", "GiB"].index(scale)))
    assert budget.bytes_per_element == (1 if dtype == "@int8" else 4)
    assert Budget.parse(str(budget)) == budget


@given(number=numbers, target=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,20}", fullmatch=True))
def test_latencies_name_their_target_and_are_not_known_beforehand(number, target):
    budget = Budget.parse(f"{number}ms@{target}")
    assert (budget.resource, budget.limit, budget.target) == ("latency_ms", float(number), target)
    assert not budget.counted


def test_a_quarter_of_the_bytes_fit_four_times_the_elements():
    budget = Budget.parse("512KiB-peak@int8")
    assert budget.excess(4 * 512 * 1024) == 0
    assert budget.excess(4 * 512 * 1024 + 4) > 0
    assert math.isclose(budget.excess(8 * 512 * 1024), 1.0)


@pytest.mark.parametrize(
    "text",
    [
        "300M-flops",
        "300M",
        "-300M-MACs",
        "0M-MACs",
        "0ms@cpu",
        "300MACs",
        "300 M-MACs",
        "3e8-MACs",
        "nan-MACs",
        "infM-MACs",
        "12ms@",
        "12ms@ cpu",
        "512KB-peak",
        "512KiB-peak@int4",
        "300M-MACs@int8",
        "1" * 400 + "-MACs",
        "",
        "٣M-MACs; rm -rf /",
    ],
)
def test_what_is_no_budget_is_refused_with_an_example(text):
    with pytest.raises(BudgetError, match=r"expected <number>.*for example 300M-MACs") as raised:
        Budget.parse(text)
    assert len(str(raised.value)) < 400


def test_macs_read_in_any_case():
    assert Budget.parse("300M-macs").resource == Budget.parse(" 300M-MACS ").resource == "macs"
