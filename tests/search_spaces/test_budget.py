"""Budgets as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.budget import Budget
from search_spaces.errors import BudgetError
from trials.target_names import find_target

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


@given(
    number=numbers,
    figure=st.sampled_from(["median", "p90"]),
    target=st.sampled_from(["cpu", "ssh://pi@[fe80::1]"]),
)
def test_a_latency_may_name_a_figure_of_the_wall_clock(number, figure, target):
    budget = Budget.parse(f"{number}ms-{figure}@{target}")
    assert (budget.limit, budget.figure, budget.target) == (float(number), figure, target)
    assert budget.measured == f"{target} (wall {figure})"
    assert Budget.parse(str(budget)) == budget
    assert Budget.parse(f"{number}ms@{target}").measured == target


@pytest.mark.parametrize(
    "target",
    [
        "ssh://user@[fe80::1]:22",
        "ssh://first+last@board",
        "ssh://pi@10.0.0.5:2222?threads=4&python=/opt/py 3/bin/python",
        "command:python run_on_phone.py --serial 3",
        "command:~/bin/time.sh {model}",
        "cpu:threads=2,dtype=int8",
        "node:10.0.0.7",
    ],
)
def test_every_target_that_can_be_measured_can_stand_in_a_budget(target):
    find_target(target)
    assert Budget.parse(f"12ms@{target}").target == target


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "x-y-z",
        "5mJ@pixel",
        "300M-foo",
        "nan-MACs",
        "infM-MACs",
        "1" * 400 + "-MACs",
        "",
        "300T-MACs",
        "a,b",
    ],
)
def test_what_is_no_budget_is_refused_with_an_example(text):
    with pytest.raises(BudgetError, match=r"expected <number>.*for example 300M-MACs") as raised:
        Budget.parse(text)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("600M-FLOPs", "FLOPs are twice the MACs: 300M-MACs."),
        ("1.2 GFLOPs", "FLOPs are twice the MACs: 600M-MACs."),
        ("FLOPs<600M", "FLOPs are twice the MACs: 300M-MACs."),
        ("2GOPS", "FLOPs are twice the MACs: 1G-MACs."),
        ("300MMACs", "a hyphen comes between the number and what it limits: 300M-MACs."),
        ("300 MMac", "a hyphen comes between the number and what it limits: 300M-MACs."),
        ("0.3GMACs", "a hyphen comes between the number and what it limits: 300M-MACs."),
        ("300M MACs", "a hyphen comes between the number and what it limits: 300M-MACs."),
        ("300MACs", "a hyphen comes between the number and what it limits: 300M-MACs."),
        ("300 M-MACs", "a hyphen comes between the number and what it limits: 300M-MACs."),
        ("300M-multiply-adds", "the resource is one of MACs, params, activations, peak, weights: 300M-MACs."),
        ("4M-prams", "the resource is one of MACs, params, activations, peak, weights: 4M-params."),
        ("300m-macs", "k is thousand, M million and G billion: 300M-MACs."),
        ("300K-params", "k is thousand, M million and G billion: 300k-params."),
        ("4 million params", "k is thousand, M million and G billion: 4M-params."),
        ("params<4M", "a budget is the most, and begins with its number: 4M-params."),
        ("<= 4M-params", "a budget is the most, and begins with its number: 4M-params."),
        ("MACs: 300M", "a budget is the most, and begins with its number: 300M-MACs."),
        (">4M-params", "a budget is the most that a network may take: 4M-params."),
        ("300,000,000-MACs", "the number is written plainly: 300M-MACs."),
        ("300 000 000-MACs", "the number is written plainly: 300M-MACs."),
        ("3e8-MACs", "the number is written plainly: 300M-MACs."),
        ("4,5M-params", "the number is written plainly: 4.5M-params."),
        ("-300M-MACs", "a budget is above zero: for example 300M-MACs."),
        ("0M-MACs", "a budget is above zero: for example 300M-MACs."),
        ("0ms@cpu", "a budget is above zero: for example 300M-MACs."),
        ("300M", "name what it limits: 300M-MACs or 300M-params."),
        ("4MB", "name what it limits: 4MiB-peak or 4MiB-weights."),
        ("MACs", "begin with a number: for example 300M-MACs."),
        ("300M-MACs@int8", "a count does not depend on a dtype: 300M-MACs."),
        ("300M\N{MINUS SIGN}MACs", "write a plain hyphen: 300M-MACs."),
        ("'300M-MACs'", "write the budget alone: 300M-MACs."),
        ("--budget 300M-MACs", "write the budget alone: 300M-MACs."),
        (
            "512KB-peak",
            "memory is written in KiB, MiB or GiB, which are multiples of 1,024 bytes: 512KiB-peak.",
        ),
        (
            "262144B-peak",
            "memory is written in KiB, MiB or GiB, which are multiples of 1,024 bytes: 256KiB-peak.",
        ),
        (
            "4M-weights",
            "memory is written in KiB, MiB or GiB, which are multiples of 1,024 bytes: 4MiB-weights.",
        ),
        ("512KiB-peak@int4", "memory is that of fp32, or of int8 with @int8: 512KiB-peak."),
        ("12ms", "name a target: 12ms@cpu."),
        ("12ms@", "name a target: 12ms@cpu."),
        ("12ms-p90", "name a target: 12ms-p90@cpu."),
        ("latency<12ms", "name a target: 12ms@cpu."),
        ("12ms@ cpu", "a latency is written <number>ms@<target>: 12ms@cpu."),
        ("12 ms on pixel", "a latency is written <number>ms@<target>: 12ms@pixel."),
        ("12,5ms@cpu", "a latency is written <number>ms@<target>: 12.5ms@cpu."),
        ("0.012s@cpu", "a latency is written <number>ms@<target>: 12ms@cpu."),
        ("12ms-p50@cpu", "a latency is written <number>ms@<target>: 12ms-median@cpu."),
        (
            "12ms-p99@cpu",
            "the figures on a target are the quickest run, median and p90, not p99: 12ms-p90@cpu.",
        ),
        ("25fps@pixel", "a latency is the time of one image: 40ms@pixel."),
        ("300M-MACs,4M-params", "give --budget twice: --budget 300M-MACs --budget 4M-params."),
        ("300M-MACs and params<4M", "give --budget twice: --budget 300M-MACs --budget 4M-params."),
        ("12ms@cpu,300M-MACs", "give --budget twice: --budget 12ms@cpu --budget 300M-MACs."),
        (
            "300M-MACs 4M-params 12ms",
            "give --budget three times: --budget 300M-MACs --budget 4M-params --budget 12ms@cpu.",
        ),
    ],
)
def test_each_form_that_people_type_gets_a_line_of_its_own(text, said):
    with pytest.raises(BudgetError) as raised:
        Budget.parse(text)
    assert str(raised.value) == f"Cannot read the budget '{text}': {said}"


@given(st.text(max_size=40) | st.text("0123456789.,-@<>=kKMGiBmsfpMACsparamsFLOPs /", max_size=30))
def test_whatever_is_typed_is_a_budget_or_one_line(text):
    told = ""
    try:
        limit = Budget.parse(text).limit
    except BudgetError as error:
        limit, told = 1.0, str(error)
    assert 0 < limit < math.inf
    assert len(told.splitlines()) <= 1
    assert len(told) < 500


def test_the_names_of_costs_read_in_any_case():
    assert Budget.parse("300M-macs").resource == Budget.parse(" 300M-MACS ").resource == "macs"
    assert Budget.parse("512KiB-Peak").resource == "peak"
