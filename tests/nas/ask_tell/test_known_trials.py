"""What a proposal may rest on is the same in every run, and what it has to wait for is little."""

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from nas.ask_tell.known_trials import KnownTrials
from nas.ask_tell.successive_halving import RungHalving
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy

COMPLETE, PRUNED, FAIL, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING


def trial(number: int, state: TrialState, *curve: float) -> FrozenTrial:
    made = optuna.trial.create_trial(
        state=state,
        value=curve[-1] if state == COMPLETE else None,
        params={"x": number},
        distributions={"x": optuna.distributions.IntDistribution(0, 99)},
        intermediate_values=dict(enumerate(curve, start=1)),
        user_attrs={"fingerprint": f"f{number}", "reason": "known later"},
    )
    made.number = number
    return made


@pytest.mark.parametrize(("slots", "lag"), [(1, 1), (2, 6), (3, 12), (4, 16), (8, 40)])
def test_more_may_be_under_way_the_more_train_side_by_side(slots: int, lag: int):
    assert KnownTrials(slots=slots, rung=1).lag == lag


def test_the_latest_are_known_by_their_networks_and_those_before_by_their_first_rung():
    trials = [
        trial(0, COMPLETE, 0.1, 0.2, 0.3),
        trial(1, COMPLETE, 0.4, 0.5, 0.6),
        trial(2, PRUNED, 0.05),
        trial(3, FAIL),
        trial(4, FAIL, 0.2, 0.1),
        trial(5, RUNNING, 0.3, 0.4),
        trial(6, COMPLETE, 0.7, 0.8, 0.9),
        trial(7, RUNNING),
        trial(8, COMPLETE, 0.9),
    ]
    seen = KnownTrials(slots=2, rung=1).seen(trials, 7)
    assert [t.number for t in seen] == list(range(8))
    assert seen[0] is trials[0]
    assert seen[1] is trials[1]
    assert seen[2] is trials[2]
    assert seen[3] is trials[3]
    for number in (4, 5):  # at the first rung they went on, however it ended
        assert (seen[number].state, seen[number].intermediate_values) == (
            PRUNED,
            {1: trials[number].intermediate_values[1]},
        )
    assert (seen[6].state, seen[6].intermediate_values, seen[6].values) == (RUNNING, {}, None)
    assert seen[6].user_attrs == {"fingerprint": "f6"}
    assert seen[6].params == {"x": 6}
    assert trials[6].state == COMPLETE  # what is stored is not touched


def test_networks_that_were_never_trained_take_no_place():
    """They were decided before the next was proposed, so every run knows them."""
    trials = [trial(0, COMPLETE, 0.1, 0.2), trial(1, PRUNED), trial(2, PRUNED), trial(3, RUNNING)]
    known = KnownTrials(slots=2, rung=None)
    assert known.seen(trials, 4)[1:3] == trials[1:3]
    assert known.seen(trials, 4)[3].state == RUNNING


def test_a_proposal_waits_for_the_first_rung_of_most_and_the_end_of_the_oldest():
    known = KnownTrials(slots=2, rung=1)
    running = [trial(n, RUNNING, 0.1, 0.2) for n in range(5)]
    assert known.missing([*running, trial(5, RUNNING)], 6) == 0
    ended = [trial(0, COMPLETE, 0.1, 0.2), *running[1:]]
    assert known.missing([*ended, trial(5, RUNNING)], 6) is None
    assert known.missing([*ended[:4], trial(4, RUNNING), trial(5, RUNNING)], 6) == 4
    assert known.missing([*ended[:4], trial(4, FAIL), trial(5, RUNNING)], 6) is None


def test_a_training_at_a_rung_is_known_once_it_was_decided(opened: OpenedStudy):
    known = KnownTrials(slots=2, rung=1)
    first, _ = opened.study.ask(), opened.study.ask()
    first.report(0.5, 1)
    assert known.missing(opened.study.get_trials(), 2) == 0
    trial_attributes.let_go_on(opened, 0, 1)
    assert known.missing(opened.study.get_trials(), 2) is None


def test_a_stop_in_order_waits_for_those_before_and_ignores_those_after(study: optuna.Study):
    pruner = RungHalving((1,), 2, in_order=True)
    trials = [study.ask() for _ in range(3)]
    trials[1].report(0.5, 1)
    trials[2].report(0.9, 1)
    stored = study.get_trials()
    assert pruner.waits(stored, stored[1])
    trials[0].report(0.4, 1)
    stored = study.get_trials()
    assert not pruner.waits(stored, stored[1])
    assert not pruner.prune(study, stored[1])  # 0.9 came later in the order of proposals
    assert RungHalving((1,), 2).prune(study, stored[1])
