"""Trainings end early at a recipe's rungs, and the better ones go on."""

import math

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.ask_tell.successive_halving import RungHalving


def run(curves, rungs=(1,), reduction=2):
    """Return how many epochs each of the curves was trained, one after the other."""
    study = optuna.create_study(direction="maximize", pruner=RungHalving(rungs, reduction))
    epochs = []
    for curve in curves:
        trial = study.ask()
        for epoch, value in enumerate(curve, start=1):
            trial.report(value, epoch)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, curve[-1])
        epochs.append(epoch)
    return epochs


def test_the_better_half_goes_on_and_the_first_always_does():
    assert run([[0.5, 0.9], [0.4, 0.9], [0.6, 0.9], [0.55, 0.9], [0.1, 0.9]]) == [2, 1, 2, 2, 1]


def test_nothing_is_decided_between_rungs():
    assert run([[0.9, 0.9, 0.9, 0.9], [0.8, 0.1, 0.95, 0.9]], rungs=(3,)) == [4, 4]
    assert run([[0.9, 0.9, 0.9, 0.9], [0.8, 0.1, 0.1, 0.9]], rungs=(3,)) == [4, 3]


def test_what_is_no_number_ends():
    assert run([[0.5, 0.5], [math.nan, 0.5]]) == [2, 1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(2, 4))
def test_the_best_at_a_rung_goes_on_whatever_came_before(values, reduction):
    best = max(range(len(values)), key=lambda i: (values[i], -i))
    assert run([[value, value] for value in values], reduction=reduction)[best] == 2


@pytest.mark.parametrize("reduction", [2, 3, 4])
def test_equal_values_all_go_on(reduction):
    assert run([[0.5, 0.5]] * 6, reduction=reduction) == [2] * 6


def test_asked_again_after_a_crash_it_stops_what_it_had_stopped():
    study = optuna.create_study(direction="maximize", pruner=RungHalving((1,), 2))
    good, bad = study.ask(), study.ask()
    good.report(0.9, 1)
    bad.report(0.1, 1)
    assert [bad.should_prune() for _ in range(3)] == [True] * 3
    assert not good.should_prune()
