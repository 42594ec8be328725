"""What a study learns from any other Optuna study, and how errors of a problem reach users."""

import math
from typing import Any, Literal

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from nas.bayesopt.errors import NothingFeasibleError, ProblemError
from nas.bayesopt.grid import Grid
from nas.bayesopt.observations import observations_of
from nas.bayesopt.user_errors import as_user_errors
from nas.samplers.factor_gp import FactorGPSampler
from search_spaces.errors import InvalidValueError, NothingFitsError

SPACE: dict[str, BaseDistribution] = {
    "n": IntDistribution(1, 9),
    "kind": CategoricalDistribution(("a", "b", "c")),
}


def study_of(direction: Literal["minimize", "maximize"], trials: int = 0) -> optuna.Study:
    study = optuna.create_study(study_name="old", direction=direction)
    for n in range(trials):
        params: dict[str, Any] = {"n": n % 12 + 1, "kind": "ab"[n % 2]}
        space = {**SPACE, "n": IntDistribution(1, 12)}
        study.add_trial(create_trial(params=params, distributions=space, value=float(params["n"])))
    return study


def test_values_are_higher_for_what_the_study_searched() -> None:
    up, down = observations_of(study_of("maximize", 3)), observations_of(study_of("minimize", 3))
    assert up.values.tolist() == [1.0, 2.0, 3.0]
    assert down.values.tolist() == [-1.0, -2.0, -3.0]
    assert up.name == "study old"


def test_trials_without_a_finite_value_are_left_out() -> None:
    study = study_of("maximize", 2)
    study.add_trial(create_trial(params={}, distributions={}, value=math.inf))
    study.add_trial(create_trial(params={}, distributions={}, state=TrialState.FAIL))
    assert observations_of(study).networks.tolist() == [0, 1]


def test_a_study_of_two_objectives_is_refused() -> None:
    with pytest.raises(ProblemError, match="of 2 objectives: expected one of a single objective"):
        observations_of(optuna.create_study(directions=["maximize", "minimize"]))


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ({"n": 3, "kind": "a"}, True),
        ({"n": np.int64(3), "kind": "a"}, True),
        ({"n": 10, "kind": "a"}, False),
        ({"n": 3.5, "kind": "a"}, False),
        ({"n": "3", "kind": "a"}, False),
        ({"n": True, "kind": "a"}, False),
        ({"n": math.nan, "kind": "a"}, False),
        ({"n": 3, "kind": "d"}, False),
        ({"n": 3}, False),
    ],
)
def test_a_point_outside_of_the_space_is_recognised(point: dict[str, object], inside: bool) -> None:
    assert Grid(SPACE).contains(point) is inside


@pytest.mark.slow
def test_a_following_study_begins_where_the_earlier_one_was_good_also_in_a_narrower_space() -> None:
    earlier = observations_of(study_of("maximize", 24))
    space = {**SPACE, "unknown": FloatDistribution(0, 0)}
    study = optuna.create_study(direction="maximize", sampler=FactorGPSampler(space, evidence=[earlier]))
    assert study.ask(space).params["n"] >= 7


def test_a_study_of_other_parameters_says_nothing() -> None:
    earlier = observations_of(study_of("maximize", 24))
    space: dict[str, BaseDistribution] = {"other": IntDistribution(0, 5)}
    study = optuna.create_study(sampler=FactorGPSampler(space, evidence=[earlier]))
    assert 0 <= study.ask(space).params["other"] <= 5


@pytest.mark.parametrize(
    ("error", "shown"),
    [(NothingFeasibleError("none fits"), NothingFitsError), (ProblemError("odd"), InvalidValueError)],
)
def test_users_are_shown_errors_of_a_problem_as_their_own(
    error: ProblemError, shown: type[ValueError]
) -> None:
    with pytest.raises(shown, match=str(error)), as_user_errors():
        raise error
