"""What every sampler owes: proposals that fit, and the same ones for the same history."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from nas.bayesopt.errors import NothingFeasibleError
from nas.bayesopt.problem import Params, Problem
from nas.samplers import SAMPLERS

SPACE: dict[str, BaseDistribution] = {
    "depth": IntDistribution(1, 4),
    "mixer": CategoricalDistribution(("conv", "attention", "pooling")),
    "width": CategoricalDistribution((16, 24, 32)),
    "rate": FloatDistribution(0.0, 0.4, step=0.2),
    "fixed": CategoricalDistribution(("only",)),
}
MIXED: dict[str, BaseDistribution] = {**SPACE, "rate": FloatDistribution(1e-3, 1.0, log=True)}


def cost(point: Params) -> float:
    return float(point["depth"] * point["width"] * (1.5 if point["mixer"] == "attention" else 1.0))


def budget(points: Sequence[Params]) -> NDArray[np.float64]:
    assert all(point["fixed"] == "only" for point in points)
    return np.array([[cost(point) - 80.0] for point in points])


def value(point: Params) -> float:
    return float(np.log(cost(point)) - (point["mixer"] == "pooling") - (point["rate"] - 0.2) ** 2)


def study_of(name: str, problem: Problem) -> optuna.Study:
    return optuna.create_study(direction="maximize", sampler=SAMPLERS[name](problem))


def search(study: optuna.Study, space: dict[str, BaseDistribution], trials: int) -> list[dict[str, Any]]:
    for number in range(trials):
        trial = study.ask(space)
        if number % 6 == 4:
            trial.report(value(trial.params) - 1, step=1)
            study.tell(trial, state=TrialState.PRUNED)
        elif number % 6 == 5:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, value(trial.params))
    return [trial.params for trial in study.get_trials() if trial.state != TrialState.FAIL]


@pytest.mark.slow
@pytest.mark.parametrize("space", [SPACE, MIXED], ids=["discrete", "mixed"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_no_proposal_breaks_a_known_constraint_or_repeats_a_point(name: str, space: dict[str, Any]) -> None:
    study = study_of(name, Problem(distributions=space, seed=3, known_constraints_batch=budget))
    points = search(study, space, 28)
    assert all(cost(trial.params) <= 80.0 for trial in study.get_trials())
    assert len({tuple(sorted(p.items())) for p in points}) == len(points)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_restarted_search_goes_on_as_if_it_had_not_stopped(name: str) -> None:
    problem = Problem(distributions=MIXED, seed=1, known_constraints_batch=budget)
    np.random.seed(0)  # noqa: NPY002
    whole = search(study_of(name, problem), MIXED, 16)
    study = study_of(name, problem)
    for start in range(16):
        random.seed(start)
        np.random.seed(start)  # noqa: NPY002
        torch.manual_seed(start)
        study.sampler = SAMPLERS[name](problem)
        trial = study.ask(MIXED)
        if start % 6 == 4:
            trial.report(value(trial.params) - 1, step=1)
            study.tell(trial, state=TrialState.PRUNED)
        elif start % 6 == 5:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, value(trial.params))
    restarted = [t.params for t in study.get_trials() if t.state != TrialState.FAIL]
    assert restarted == whole


@pytest.mark.parametrize("name", SAMPLERS)
def test_another_seed_is_another_search(name: str) -> None:
    first, second = (
        search(study_of(name, Problem(distributions=MIXED, seed=seed)), MIXED, 3) for seed in (0, 1)
    )
    assert first != second


@pytest.mark.parametrize("name", SAMPLERS)
def test_workers_are_given_different_points(name: str) -> None:
    study = study_of(name, Problem(distributions=SPACE, seed=0, known_constraints_batch=budget))
    search(study, SPACE, 12)
    points = [tuple(study.ask(SPACE).params.items()) for _ in range(4)]
    assert len(set(points)) == 4


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_exhausted_space_is_seen_whole_and_then_survived(name: str) -> None:
    space: dict[str, BaseDistribution] = {
        "a": CategoricalDistribution(("x", "y", "z")),
        "b": IntDistribution(0, 3),
    }

    def known(points: Sequence[Params]) -> NDArray[np.float64]:
        return np.array([[float(p["b"] - 2)] for p in points])

    study = study_of(name, Problem(distributions=space, seed=0, known_constraints_batch=known))
    for _ in range(11):
        trial = study.ask(space)
        study.tell(trial, float(trial.params["b"]))
    points = [tuple(trial.params.values()) for trial in study.get_trials()]
    assert len(set(points)) == 9
    assert max(b for _, b in points) == 2


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_network_is_not_proposed_in_two_disguises(name: str) -> None:
    space: dict[str, BaseDistribution] = {
        "mixer": CategoricalDistribution(("conv", "pooling")),
        "kernel": CategoricalDistribution((3, 5, 7)),
    }

    def canonical(point: Params) -> dict[str, Any]:
        return {**point, "kernel": 3} if point["mixer"] == "pooling" else dict(point)

    study = study_of(name, Problem(distributions=space, seed=0, canonical=canonical))
    for _ in range(4):
        trial = study.ask(space)
        study.tell(trial, float(trial.params["kernel"]))
    points = [trial.params for trial in study.get_trials()]
    assert all(canonical(point) == point for point in points)
    assert len({tuple(point.values()) for point in points}) == 4


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_budget_that_nothing_meets_is_said_so(name: str) -> None:
    def known(points: Sequence[Params]) -> NDArray[np.float64]:
        return np.ones((len(points), 1))

    with pytest.raises(NothingFeasibleError, match="Raise the budget"):
        study_of(name, Problem(distributions=SPACE, seed=0, known_constraints_batch=known)).ask(SPACE)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_only_point_of_a_space_is_proposed(name: str) -> None:
    space: dict[str, BaseDistribution] = {
        "only": CategoricalDistribution(("one",)),
        "n": IntDistribution(5, 5),
    }
    study = study_of(name, Problem(distributions=space))
    for _ in range(3):
        trial = study.ask(space)
        study.tell(trial, 1.0)
        assert trial.params == {"only": "one", "n": 5}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_two_objectives_and_measured_constraints_are_served(name: str) -> None:
    study = optuna.create_study(
        directions=["maximize", "minimize"],
        sampler=SAMPLERS[name](Problem(distributions=SPACE, seed=0, known_constraints_batch=budget)),
    )
    for _ in range(14):
        trial = study.ask(SPACE)
        trial.set_constraint("latency", trial.params["depth"] - 3.0)
        study.tell(trial, [value(trial.params), cost(trial.params)])
    assert all(cost(trial.params) <= 80.0 for trial in study.get_trials())
    assert len({tuple(trial.params.values()) for trial in study.get_trials()}) == 14
