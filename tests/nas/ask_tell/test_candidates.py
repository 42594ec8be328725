"""Proposals fit, never repeat, and begin with what a dead driver left running."""

import optuna
import pytest
from optuna.trial import TrialState

from nas.ask_tell.candidates import CandidateSource, ExhaustedError
from nas.bayesopt.space_problem import problem_of
from nas.latency.constraint import StoppedError
from nas.samplers import SAMPLERS
from nas.study import trial_attributes
from search_spaces.budget import Budget

BUDGETS = (Budget.parse("500k-MACs"), Budget.parse("12k-params"))


def with_sampler(study: optuna.Study, prices, name: str = "random") -> optuna.Study:
    study.sampler = SAMPLERS[name](problem_of(prices, BUDGETS, seed=0))
    return study


def test_a_proposal_is_described_before_it_is_trained(study: optuna.Study, tiny_prices):
    trial, architecture = CandidateSource(with_sampler(study, tiny_prices), tiny_prices, BUDGETS).next()
    (frozen,) = study.get_trials()
    network = trial_attributes.network_of(frozen)
    assert network.architecture == architecture
    assert network.state == "running"
    assert network.fits
    assert network.costs["macs"] <= 500_000
    assert frozen.system_attrs["constraints"] == pytest.approx(
        [network.costs["macs"] / 500_000 - 1, network.costs["params"] / 12_000 - 1]
    )
    assert trial.number == 0


def test_no_network_is_proposed_twice_until_none_is_left(study: optuna.Study, tiny_prices):
    budgets = (Budget.parse("90k-MACs"),)
    study.sampler = SAMPLERS["random"](problem_of(tiny_prices, budgets, seed=0))
    proposals = CandidateSource(study, tiny_prices, budgets)
    seen = []

    def train_them_all() -> None:
        for _ in range(1000):
            trial, architecture = proposals.next()
            seen.append(architecture.fingerprint)
            study.tell(trial, 0.5)

    with pytest.raises(ExhaustedError, match="Raise the budget or choose a larger space"):
        train_them_all()
    assert len(set(seen)) == len(seen)
    assert seen
    repeats = [t for t in study.get_trials() if t.state == TrialState.PRUNED]
    assert all("the same network as trial" in t.user_attrs["reason"] for t in repeats)
    assert not any(map(trial_attributes.trained, repeats))


def test_a_failed_network_may_be_tried_again(study: optuna.Study, tiny_prices):
    proposals = CandidateSource(with_sampler(study, tiny_prices), tiny_prices, BUDGETS)
    trial, architecture = proposals.next()
    study.tell(trial, state=TrialState.FAIL)
    study.enqueue_trial(trial.params)
    again, same = proposals.next()
    assert same == architecture
    assert again.number == 1


def test_what_was_left_running_comes_first_and_is_the_same_network(study: optuna.Study, tiny_prices):
    first = CandidateSource(with_sampler(study, tiny_prices), tiny_prices, BUDGETS)
    left = [first.next() for _ in range(2)]
    second = CandidateSource(study, tiny_prices, BUDGETS)
    assert second.left_running == 2
    found = [second.next() for _ in range(2)]
    assert [(t.number, a) for t, a in found] == [(t.number, a) for t, a in left]
    assert second.left_running == 0
    assert len(study.get_trials()) == 2


def test_seeds_come_first_and_only_once(study: optuna.Study, tiny_prices):
    import numpy as np

    from search_spaces.sampling import fitting_codes

    networks = tiny_prices.codes
    seeds = [
        networks.at(c)
        for c in fitting_codes(tiny_prices, np.random.default_rng(5), 2, BUDGETS, distinct=True)
    ]
    with_sampler(study, tiny_prices)
    proposals = CandidateSource(study, tiny_prices, BUDGETS, seeds=[seeds[0], seeds[0], seeds[1]])
    assert [proposals.next()[1] for _ in range(2)] == seeds
    for trial in study.get_trials():
        study.tell(trial.number, 0.5)
    assert CandidateSource(study, tiny_prices, BUDGETS, seeds=seeds).next()[1] not in seeds


def test_what_was_decided_before_the_driver_died_is_not_trained_on(study: optuna.Study, tiny_prices):
    proposals = CandidateSource(with_sampler(study, tiny_prices), tiny_prices, BUDGETS)
    stopped, missed, going_on = (proposals.next()[0] for _ in range(3))
    storage = study._storage
    trial_attributes.decide(storage, stopped._trial_id, TrialState.PRUNED, "stopped early at epoch 2")
    storage.set_trial_system_attr(missed._trial_id, "constraints", [-0.1, 0.2])
    again = CandidateSource(study, tiny_prices, BUDGETS)
    assert again.left_running == 1
    states = [t.state for t in study.get_trials()]
    assert states == [TrialState.PRUNED, TrialState.PRUNED, TrialState.RUNNING]
    assert again.next()[0].number == going_on.number


def test_a_search_that_ends_stops_looking_for_a_network(study: optuna.Study, tiny_prices):
    proposals = CandidateSource(with_sampler(study, tiny_prices), tiny_prices, BUDGETS)
    proposals.stopped = lambda: True
    with pytest.raises(StoppedError):
        proposals.next()
    assert not study.get_trials()


def test_a_trial_cut_short_before_it_was_described_fails(study: optuna.Study, tiny_prices):
    study.ask()
    trial, _ = CandidateSource(with_sampler(study, tiny_prices), tiny_prices, BUDGETS).next()
    undescribed, described = study.get_trials()
    assert undescribed.state == TrialState.FAIL
    assert undescribed.user_attrs["reason"] == "interrupted before its training began"
    assert described.number == trial.number
