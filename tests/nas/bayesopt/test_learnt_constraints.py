"""What trials show of constraints: which are learnt, on which side values lie, what curves say."""

import math
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Grid
from nas.bayesopt.history import Histories, History
from nas.bayesopt.learnt_constraints import LearntConstraint, Shown, shown_constraints, squeezed
from nas.bayesopt.proposer import Proposer
from nas.bayesopt.scoring import AcquisitionState, inputs
from nas.samplers.factor_gp import FactorGPSampler

SPACE: dict[str, BaseDistribution] = {"a": IntDistribution(0, 9), "b": IntDistribution(0, 9)}


def region(**options: Any) -> Region:
    return Region(Grid(SPACE), {}, **options)


def history_of(*trials: dict[str, Any]) -> History:
    study = optuna.create_study(direction="maximize")
    for given_ in trials:
        options = {"params": {"a": 1, "b": 1}, "distributions": SPACE, **given_}
        if "value" in options and options["value"] is None:
            del options["value"]
        study.add_trial(create_trial(**options))
    return Histories(region()).read(study, create_trial(state=TrialState.RUNNING))


numbers = st.floats(allow_nan=False) | st.sampled_from([0.0, 1e-300, -1e-300, math.inf, -math.inf])


@given(st.lists(numbers, min_size=1, max_size=20))
def test_no_value_changes_its_side_however_far_the_others_are(values: list[float]) -> None:
    given_ = np.array(values)
    found = squeezed(given_)
    assert np.isfinite(found).all()
    assert ((found > 0) == (given_ > 0)).all()
    assert (np.diff(found[np.argsort(given_)]) >= 0).all()


@pytest.mark.parametrize("odd", [-5.0, -math.inf])
def test_one_feasible_value_among_many_alike_is_learnt_as_feasible(odd: float) -> None:
    space = SPACE
    study = optuna.create_study(direction="maximize", sampler=FactorGPSampler(space))
    for i in range(9):
        trial = create_trial(
            params={"a": i, "b": i},
            distributions=space,
            value=0.0,
            system_attrs={"constraints": [1.0 + i / 1000 if i < 8 else odd]},
        )
        study.add_trial(trial)
    there = region()
    (shown,) = shown_constraints(there, Histories(there).read(study, study.ask()._cached_frozen_trial))
    surrogate = Proposer.of(there, 0).surrogate
    posterior = surrogate.fitted(inputs(there, shown.rows), shown.values, lowest=math.inf)
    means = posterior.predict(inputs(there, np.array([[0.0, 0.0], [8.0, 8.0]])))[0]
    assert means[1] < 0 < means[0]


def test_constraints_are_matched_by_name_and_not_by_their_order() -> None:
    found = history_of(
        {"value": 0.0, "system_attrs": {"constraints:energy": 1.0, "constraints:time": -1.0}},
        {"value": 0.0, "system_attrs": {"constraints:time": -2.0, "constraints:energy": 2.0}},
        {"value": 0.0, "system_attrs": {"constraints:time": -3.0}},
        {"value": 0.0, "system_attrs": {"constraints": [math.nan]}},
    )
    expected = [[1, -1, np.nan], [2, -2, np.nan], [np.nan, -3, np.nan], [np.nan, np.nan, np.inf]]
    np.testing.assert_array_equal(found.measured, expected)


@pytest.mark.parametrize(("unit", "learnt"), [(1.0, False), (250.0, False), (-1.0, True)])
def test_a_known_budget_is_not_learnt_again(unit: float, learnt: bool) -> None:
    def known(point: Any) -> list[float]:
        return [point["a"] + point["b"] - 10.0]

    study = optuna.create_study(direction="maximize", sampler=FactorGPSampler(SPACE, 0, known))
    for _ in range(6):
        trial = study.ask(SPACE)
        trial.set_constraint("budget", unit * known(trial.params)[0])
        trial.set_constraint("latency", trial.params["a"] - 5.0)
        study.tell(trial, float(trial.params["a"]))
    fit = study.trials[-1].system_attrs["factor_gp:fit"]
    assert ("constraint0" in fit) is learnt
    assert "constraint1" in fit


def test_the_first_step_of_a_learning_curve_counts() -> None:
    found = history_of(
        {"value": 3.0, "intermediate_values": {0: 1.0, 1: 2.0, 2: 3.0}},
        {"value": None, "state": TrialState.PRUNED, "intermediate_values": {0: 0.5}},
        {"value": None, "state": TrialState.PRUNED, "intermediate_values": {}},
    )
    pairs = sorted(zip(found.values[:, 0].tolist(), found.fidelity.tolist(), strict=True))
    assert pairs == [(0.5, pytest.approx(1 / 3)), (1.0, pytest.approx(1 / 3)), (3.0, 1.0)]
    assert found.n_finished == 2


def test_a_curve_of_one_step_is_not_the_end_where_trainings_go_on_after_it() -> None:
    found = history_of(
        {"value": 9.0, "intermediate_values": {0: 1.0}},
        {"value": None, "state": TrialState.PRUNED, "intermediate_values": {0: 0.5}},
    )
    assert found.fidelity.tolist() == [1.0, 0.5, 0.5]


def test_values_of_a_failed_trial_are_not_learnt_but_its_constraints_are() -> None:
    found = history_of(
        {
            "value": None,
            "state": TrialState.FAIL,
            "intermediate_values": {1: 0.9},
            "system_attrs": {"constraints": [2.0]},
        },
        {"value": 1.0, "params": {"a": 2, "b": 2}},
        {"value": None, "state": TrialState.FAIL, "params": {"a": 2, "b": 2}},
    )
    assert found.values.tolist() == [[1.0]]
    assert found.measured.tolist() == [[2.0]]
    assert found.failed.tolist() == [[1.0, 1.0]]  # what another trial has trained has not failed for good
    assert found.n_finished == 1
    shown = shown_constraints(region(), found)[-1]
    assert (shown.name, shown.values.tolist()) == ("failure", [-1.0, 1.0])


def test_infeasible_points_bound_nothing_that_is_to_be_reached() -> None:
    """The volume to gain is the same whether infeasible points between the others are observed or not."""
    there = region()
    rows = there.grid.encode([{"a": i, "b": (3 * i) % 10} for i in range(10)])
    values = np.stack([rows[:, 0], -rows[:, 1]], axis=1)
    surrogate = Proposer.of(there, 0).surrogate
    objectives = [surrogate.fitted(inputs(there, rows), column, steps=5) for column in values.T]
    feasible = (rows[:, 0] < 7) | (rows[:, 0] > 8)  # a = 7 would be on the front
    candidates = there.grid.everything()[:40]
    scores = [
        AcquisitionState(
            there, objectives, [], rows[kept], rows[:0], feasible[kept], np.zeros((1, kept.sum()))
        )
        .score(candidates)
        .tolist()
        for kept in (np.ones(10, dtype=bool), feasible)
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)


def test_what_a_trial_showed_counts_before_what_is_expected() -> None:
    there, rows = region(), np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    shown = Shown("c", rows[:2], np.array([-1.0, 4.0]))
    posterior = Proposer.of(there, 0).surrogate.fitted(inputs(there, shown.rows), shown.values, steps=1)
    learnt = LearntConstraint(shown, posterior)
    assert learnt.at(rows, np.array([7.0, 7.0, 7.0])).tolist() == [-1.0, 4.0, 7.0]
