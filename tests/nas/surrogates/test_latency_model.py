"""The latency model on machines whose speed is a formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import search_spaces
from nas.surrogates.latency_model import learn
from nas.surrogates.latency_operations import KINDS, operations, operations_on
from nas.surrogates.torch_threads import torch_threads
from search_spaces.tape import Tape

SPACE = search_spaces.load("hybrid_small_1")
MS_PER = {"pointwise": 4e-8, "dense": 3e-8, "grouped": 4e-7, "dilated": 9e-7, "matmul": 6e-8}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with torch_threads(1):
        yield


def drawn(count, seed=0):
    rng = np.random.default_rng(seed)
    networks = [SPACE.sample(rng) for _ in range(count)]
    return [operations(a, num_classes=10, in_channels=1) for a in networks]


def machine(network, slowness=1.0):
    """Return the milliseconds of a network on a machine with a price for each MAC, element and start."""
    return slowness * sum(
        n * (o.macs * MS_PER.get(o.kind, 0.0) + 1e-7 * (o.reads + o.writes) + 0.003)
        for o, n in network.items()
    )


def errors(model, networks, truth_ms):
    return np.abs(model.predict(networks).mean_ms / truth_ms - 1)


@given(seed=st.integers(0, 10**6))
def test_the_macs_of_its_operations_are_the_macs_of_the_network(seed):
    architecture = SPACE.sample(np.random.default_rng(seed))
    found = operations(architecture, num_classes=10, in_channels=1)
    costs = search_spaces.count(architecture, num_classes=10, in_channels=1, deploy=True)
    assert sum(o.macs * n for o, n in found.items()) == costs.macs
    assert {o.kind for o in found} <= set(KINDS)


def test_convolutions_have_four_kinds():
    tape = Tape()
    x = tape.norm(tape.conv(tape.input(3, 8, 8), 16, 3))
    x = tape.conv(x, 32, 1)
    x = tape.conv(x, 32, 5, groups=32)
    kinds = [o.kind for o in operations_on(tape)]
    assert kinds == ["dense", "pointwise", "grouped"]
    assert [o.kind for o in operations_on(tape, dilation=2)] == ["dense", "pointwise", "dilated"]


def test_a_norm_is_an_operation_only_where_no_convolution_can_take_it_in():
    tape = Tape()
    x = tape.conv(tape.input(3, 8, 8), 16, 3)
    x = tape.norm(x)
    x = tape.add(x, tape.conv(tape.norm(x), 16, 1))
    assert sum(n for o, n in operations_on(tape).items() if o.kind == "norm") == 1


@pytest.mark.slow
def test_a_machine_of_simple_prices_is_known_after_thirty_networks():
    networks, rest = drawn(30), drawn(60, seed=1)
    model = learn(networks, [machine(n) for n in networks])
    truth_ms = np.array([machine(n) for n in rest])
    assert np.quantile(errors(model, rest, truth_ms), 0.9) < 0.1


@pytest.mark.slow
def test_chosen_networks_teach_more_than_the_first_ones():
    pool, rest = drawn(150), drawn(100, seed=1)
    truth_ms = np.array([machine(n) for n in rest])
    chosen = learn(pool, []).choose(pool, 12)
    assert len(set(chosen)) == 12
    taught = [
        np.mean(errors(learn(some, [machine(n) for n in some]), rest, truth_ms) > 0.1)
        for some in ([pool[i] for i in chosen], pool[:12])
    ]
    assert taught[0] <= taught[1]


@pytest.mark.slow
def test_ten_measurements_carry_a_model_over_to_a_slower_machine():
    networks, rest = drawn(40), drawn(60, seed=1)
    known = learn(networks, [machine(n) for n in networks])
    few = drawn(10, seed=2)
    slow_ms = [machine(n, slowness=7.0) for n in few]
    truth_ms = np.array([machine(n, slowness=7.0) for n in rest])
    carried = errors(learn(few, slow_ms, source=known), rest, truth_ms)
    alone = errors(learn(few, slow_ms), rest, truth_ms)
    assert np.median(carried) < 0.1
    assert np.median(carried) < np.median(alone)


@pytest.mark.slow
def test_it_says_how_wrong_it_may_be():
    # 90 % intervals of 100 networks: fewer than 75 hold once in 10^5 where they are right.
    rng = np.random.default_rng(0)
    networks, rest = drawn(40), drawn(100, seed=1)
    model = learn(networks, [machine(n) * np.exp(0.03 * rng.standard_normal()) for n in networks])
    found = model.predict(rest)
    measured = np.array([machine(n) * np.exp(0.03 * rng.standard_normal()) for n in rest])
    assert np.sum(np.abs(found.mean_ms - measured) < 1.645 * found.stddev_ms) >= 75


def test_the_same_measurements_give_the_same_model():
    networks = drawn(8)
    models = [learn(networks, [machine(n) for n in networks]) for _ in range(2)]
    ends = [m.predict(networks) for m in models]
    assert (ends[0].mean_ms == ends[1].mean_ms).all()
    assert (ends[0].stddev_ms == ends[1].stddev_ms).all()


def test_the_unit_of_time_does_not_matter():
    networks = drawn(8)
    times_ms = np.array([machine(n) for n in networks])
    small, large = learn(networks, times_ms), learn(networks, 1000 * times_ms)
    assert np.allclose(1000 * small.predict(networks).mean_ms, large.predict(networks).mean_ms)


def test_before_any_measurement_it_can_choose_but_knows_only_sizes():
    pool = drawn(10)
    assert sorted(learn(pool, []).choose(pool, 99)) == list(range(10))
    assert learn(pool, []).choose(pool, 0) == []


def test_predictions_are_above_zero_even_for_what_is_far_away():
    networks = sorted(drawn(30), key=machine)[10:]
    model = learn(networks, [machine(n) for n in networks])
    found = model.predict(sorted(drawn(30), key=machine)[:10])
    assert (found.mean_ms > 0).all()
    assert np.isfinite(found.stddev_ms).all()
