"""What every cost owes: exact, whole, joined as it says, and usable in a budget."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces.budget import Budget
from search_spaces.catalog import SPACES
from search_spaces.costs import COSTS, Costs, in_bytes, label_of
from search_spaces.tape import Map, Tape

FOUND = {name: COSTS[name] for name in COSTS}
SPACE = SPACES["hybrid_small"]
UNITS = {name: f"{'MiB' if in_bytes(name) else 'M'}-{label_of(name)}" for name in FOUND}
names = pytest.mark.parametrize("name", FOUND)
sizes = st.integers(1, 40)


def tape_of(steps) -> Tape:
    """Return a chain of convolutions with residuals, one for each (channels, kernel, stride)."""
    tape = Tape()
    x = tape.input(3, 32, 24)
    for channels, kernel, stride in steps:
        y = tape.norm(tape.conv(x, channels, kernel, stride=stride))
        x = tape.add(x, y) if (channels, stride) == (x.channels, 1) else y
    return tape


chains = st.lists(
    st.tuples(sizes, st.sampled_from([1, 3, 5]), st.sampled_from([1, 2])), min_size=1, max_size=6
)


def test_the_costs_of_a_network_are_those_of_the_files_by_name_and_as_attributes():
    counted = search_spaces.count(search_spaces.reference("tinynet_e_106"), num_classes=10)
    assert sorted(counted) == sorted(FOUND)
    assert {name: getattr(counted, name) for name in FOUND} == dict(counted)


def test_costs_are_equal_and_hash_alike_where_all_values_are():
    one = Costs(macs=1, params=2, activations=3, peak=4, weights=5)
    same = Costs(weights=5, peak=4, activations=3, params=2, macs=1)
    assert one == same
    assert hash(one) == hash(same)
    assert one != Costs(macs=1, params=2, activations=3, peak=4, weights=6)
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    assert repr(one) == "Costs(macs=1, params=2, activations=3, peak=4, weights=5)"


def test_costs_cannot_be_changed_and_have_no_other_attributes():
    costs = Costs(macs=1)
    with pytest.raises(AttributeError):
        costs.macs = 2  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="Costs have no 'mcas'"):
        costs.mcas  # noqa: B018


@names
@given(steps=chains)
def test_more_layers_never_cost_less(name, steps):
    costs = [int(FOUND[name].of(tape_of(steps[: i + 1]))) for i in range(len(steps))]
    assert costs == sorted(costs)
    assert costs[0] > 0


@names
@given(steps=chains, kernels=st.lists(st.sampled_from([1, 3, 5, 7]), min_size=2, max_size=5))
def test_arrays_are_folded_like_each_number_alone(name, steps, kernels):
    array = np.array(kernels)
    together = FOUND[name].of(tape_of([(7, array, 2), *steps]))
    alone = [int(FOUND[name].of(tape_of([(7, kernel, 2), *steps]))) for kernel in kernels]
    assert np.broadcast_to(together, array.shape).tolist() == alone


@names
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_a_budget_of_just_its_cost_is_met_and_of_less_is_not(name, seed):
    architecture = SPACE.sample(np.random.default_rng(seed))
    cost = getattr(search_spaces.count(architecture, num_classes=10), name)
    assert Budget(resource=name, limit=cost, text="").excess(cost) <= 0
    assert Budget(resource=name, limit=cost - 1, text="").excess(cost) > 0


@names
def test_it_is_usable_as_a_budget_in_text(name):
    budget = Budget.parse(f"3{UNITS[name]}")
    assert budget.resource == name
    found = SPACE.sample(np.random.default_rng(0), budgets=[budget], num_classes=10)
    assert getattr(search_spaces.count(found, num_classes=10, deploy=True), name) <= budget.limit


def test_peak_holds_a_residual_until_it_is_added():
    tape = Tape()
    x = tape.input(4, 8, 8)  # 256 elements
    y = tape.conv(x, 8)  # 512
    z = tape.conv(y, 4)  # 256, while x and y are alive
    tape.add(x, z)
    assert FOUND["peak"].of(tape) == 4 * (256 + 512 + 256)


def test_peak_counts_a_view_as_the_whole_it_is_part_of():
    tape = Tape()
    x = tape.input(8, 4, 4)  # 128 elements
    tape.conv(tape.part(x, 2), 2)  # 32, while all of x is alive
    assert FOUND["peak"].of(tape) == 4 * (128 + 32)


def test_an_unchanged_size_copies_nothing():
    tape = Tape()
    tape.resize(Map(2, 4, 4), 4, 4)
    assert FOUND["peak"].of(tape) == 4 * 32
    tape = Tape()
    tape.resize(Map(2, 4, 4), 6, 6)
    assert FOUND["peak"].of(tape) == 4 * (32 + 72)
