"""Proposals fit, never repeat, and begin with what a dead driver left running."""

import pytest
from optuna.trial import TrialState

from nas.ask_tell.candidates import CandidateSource, ExhaustedError
from nas.bayesopt.space_problem import problem_of
from nas.latency.constraint import StoppedError
from nas.samplers import SAMPLERS
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import StorageError

BUDGETS = (Budget.parse("500k-MACs"), Budget.parse("12k-params"))


def with_sampler(opened: OpenedStudy, prices, name: str = "random") -> OpenedStudy:
    opened.study.sampler = SAMPLERS[name](problem_of(prices, BUDGETS, seed=0))
    return opened


def test_a_proposal_is_described_before_it_is_trained(opened: OpenedStudy, tiny_prices):
    candidate = CandidateSource(with_sampler(opened, tiny_prices), tiny_prices, BUDGETS).next()
    (frozen,) = opened.study.get_trials()
    network = trial_attributes.network_of(frozen)
    assert network.architecture == candidate.architecture
    assert network.state == "running"
    assert network.fits
    assert network.costs["macs"] <= 500_000
    assert frozen.system_attrs["constraints"] == pytest.approx(
        [network.costs["macs"] / 500_000 - 1, network.costs["params"] / 12_000 - 1]
    )
    assert candidate.excess == trial_attributes.excess_of(frozen)
    assert candidate.costs.macs == network.costs["macs"]
    assert tiny_prices.codes.at(candidate.codes) == candidate.architecture
    assert candidate.number == 0


def test_no_network_is_proposed_twice_until_none_is_left(opened: OpenedStudy, tiny_prices):
    budgets = (Budget.parse("90k-MACs"),)
    opened.study.sampler = SAMPLERS["random"](problem_of(tiny_prices, budgets, seed=0))
    source = CandidateSource(opened, tiny_prices, budgets)
    seen = []

    def train_them_all() -> None:
        for _ in range(1000):
            candidate = source.next()
            seen.append(candidate.architecture.fingerprint)
            opened.study.tell(candidate.number, 0.5)

    with pytest.raises(ExhaustedError, match="Raise the budget or choose a larger space"):
        train_them_all()
    assert len(set(seen)) == len(seen)
    assert seen
    repeats = [t for t in opened.study.get_trials() if t.state == TrialState.PRUNED]
    assert all("the same network as trial" in t.user_attrs["reason"] for t in repeats)
    assert not any(map(trial_attributes.trained, repeats))


@pytest.mark.parametrize(
    ("reason", "again"),
    [("DataError: the images are gone", True), ("OutOfMemoryError: too large", False)],
)
def test_a_network_that_failed_is_tried_again_only_if_it_was_not_to_blame(
    opened: OpenedStudy, tiny_prices, reason: str, again: bool
):
    source = CandidateSource(with_sampler(opened, tiny_prices), tiny_prices, BUDGETS)
    candidate = source.next()
    trial_attributes.decide(opened, candidate.number, TrialState.FAIL, reason)
    opened.study.tell(candidate.number, state=TrialState.FAIL)
    (failed,) = opened.study.get_trials()
    assert trial_attributes.network_failed(failed) is not again
    opened.study.enqueue_trial(failed.params)
    assert (source.next().architecture == candidate.architecture) is again


def test_a_trial_that_ended_before_its_training_began_blames_no_network(opened: OpenedStudy):
    opened.study.tell(opened.study.ask().number, state=TrialState.FAIL)
    assert not trial_attributes.network_failed(opened.study.get_trials()[0])


def test_what_was_left_running_comes_first_and_is_the_same_network(opened: OpenedStudy, tiny_prices):
    first = CandidateSource(with_sampler(opened, tiny_prices), tiny_prices, BUDGETS)
    left = [first.next() for _ in range(2)]
    second = CandidateSource(opened, tiny_prices, BUDGETS)
    assert second.left_running == 2
    found = [second.next() for _ in range(2)]
    assert [(c.number, c.architecture) for c in found] == [(c.number, c.architecture) for c in left]
    assert [c.excess for c in found] == [c.excess for c in left]
    assert [c.costs for c in found] == [c.costs for c in left]
    assert second.left_running == 0
    assert len(opened.study.get_trials()) == 2


def test_seeds_come_first_and_only_once(opened: OpenedStudy, tiny_prices):
    import numpy as np

    from search_spaces.sampling import fitting_codes

    networks = tiny_prices.codes
    seeds = [
        networks.at(c)
        for c in fitting_codes(tiny_prices, np.random.default_rng(5), 2, BUDGETS, distinct=True)
    ]
    with_sampler(opened, tiny_prices)
    source = CandidateSource(opened, tiny_prices, BUDGETS, seeds=[seeds[0], seeds[0], seeds[1]])
    assert [source.next().architecture for _ in range(2)] == seeds
    for trial in opened.study.get_trials():
        opened.study.tell(trial.number, 0.5)
    assert CandidateSource(opened, tiny_prices, BUDGETS, seeds=seeds).next().architecture not in seeds


@pytest.mark.parametrize("function", ["enqueue_trial", "get_trials"])
def test_no_seed_is_lost_to_an_outage_of_the_database(
    opened: OpenedStudy, tiny_prices, monkeypatch, function
):
    import numpy as np

    from search_spaces.sampling import fitting_codes

    networks = tiny_prices.codes
    drawn = fitting_codes(tiny_prices, np.random.default_rng(5), 2, BUDGETS, distinct=True)
    seeds = [networks.at(c) for c in drawn]
    with_sampler(opened, tiny_prices)
    source = CandidateSource(opened, tiny_prices, BUDGETS, seeds=seeds)
    work, calls = getattr(opened.study, function), iter(range(1_000))

    def away(*given, **named):
        if next(calls) == 1:
            raise StorageError("Cannot reach the database.")
        return work(*given, **named)

    monkeypatch.setattr(opened.study, function, away)
    found: list[Architecture] = []
    while len(found) < 2:
        try:
            found.append(source.next().architecture)
        except StorageError:
            continue
    assert found == seeds


def test_what_was_decided_before_the_driver_died_is_not_trained_on(opened: OpenedStudy, tiny_prices):
    source = CandidateSource(with_sampler(opened, tiny_prices), tiny_prices, BUDGETS)
    stopped, missed, going_on = (source.next().number for _ in range(3))
    trial_attributes.decide(opened, stopped, TrialState.PRUNED, "stopped early at epoch 2")
    opened.set_system_attribute(missed, "constraints", [-0.1, 0.2])
    again = CandidateSource(opened, tiny_prices, BUDGETS)
    assert again.left_running == 1
    states = [t.state for t in opened.study.get_trials()]
    assert states == [TrialState.PRUNED, TrialState.PRUNED, TrialState.RUNNING]
    assert again.next().number == going_on


def test_a_search_that_ends_stops_looking_for_a_network(opened: OpenedStudy, tiny_prices):
    with_sampler(opened, tiny_prices)
    source = CandidateSource(opened, tiny_prices, BUDGETS, stopped=lambda: True)
    with pytest.raises(StoppedError):
        source.next()
    assert not opened.study.get_trials()


def test_a_trial_cut_short_before_it_was_described_fails(opened: OpenedStudy, tiny_prices):
    opened.study.ask()
    candidate = CandidateSource(with_sampler(opened, tiny_prices), tiny_prices, BUDGETS).next()
    undescribed, described = opened.study.get_trials()
    assert undescribed.state == TrialState.FAIL
    assert undescribed.user_attrs["reason"] == "interrupted before its training began"
    assert described.number == candidate.number
